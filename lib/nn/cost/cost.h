// What a graph costs, counted from its shapes.
#ifndef PLEURA_NN_COST_COST_H
#define PLEURA_NN_COST_COST_H

#include "nn/graph.h"

// A training step is taken for three forward passes: its own, and as many products again for the
// gradients of activations, and for those of weights.
#define COST_TRAINING 3

struct cost {
    double flop; // of a forward pass: 2 (a product and a sum) for every multiply-add of
                 // convolutions and matrix products; norms, pooling and resizing count nothing
    size_t parameters; // learned ones
    size_t values;     // all numbers of the parameters, norms' running statistics among them
};

// Of the whole graph, for its batch of images.
struct cost graph_cost(const struct graph *graph);

#endif
