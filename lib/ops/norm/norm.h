// Batch normalisation in training, for convolution_norm and for its kernels.
#ifndef PLEURA_OPS_NORM_NORM_H
#define PLEURA_OPS_NORM_NORM_H

#include "nn/graph.h"

enum { NORM_SCALE, NORM_SHIFT, NORM_MEAN, NORM_VARIANCE, NORM_PARAMETERS };

struct norm_attributes {
    bool relu;
    double momentum; // of the running statistics
};

// A norm, and whether it is a gate's: see convolution_gate.
struct norm_layer {
    const char *name;
    bool gate;
};

// The parameters name.weight, .bias, .running_mean and .running_var.
void norm_parameters(struct graph *graph, const struct norm_layer *norm, size_t channels,
                     int parameters[NORM_PARAMETERS]);

// relu(norm(x) + residual); NO_VALUE: no residual.
value_id normalise(struct graph *graph, value_id x, const struct norm_layer *norm,
                   value_id residual, bool relu);

#endif
