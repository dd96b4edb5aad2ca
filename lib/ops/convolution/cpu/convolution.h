// Convolutions on the CPU, whatever method a layer is made by.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_CONVOLUTION_H
#define PLEURA_OPS_CONVOLUTION_CPU_CONVOLUTION_H

#include "backend/cpu/cpu.h"

struct cpu_convolution;

// Plans the forward pass, and with `train` the backward ones. With `sum` the forward pass adds to
// what the output holds.
CHECKED struct cpu_convolution *cpu_convolution_plan(struct backend *backend,
                                                     const struct convolution_shape *shape,
                                                     struct error *error);
void cpu_convolution_release(struct cpu_convolution *convolution);

// Scratch memory that a pass needs, in bytes.
size_t cpu_convolution_scratch(const struct cpu_convolution *convolution);

// Takes new weights, OIHW: reorders them into the layouts that the passes want. They stay where
// they are until the backward pass has run.
void cpu_convolution_weights(struct cpu_convolution *convolution, const float *weights);

// `bias` holds out_channels floats, NULL without.
void cpu_convolution_forward(struct cpu_convolution *convolution, const void *input,
                             const float *bias, void *output, void *scratch);

// input_gradient (or NULL) is written; weight (OIHW) and bias gradients are added to, NULL: not
// wanted.
void cpu_convolution_backward(struct cpu_convolution *convolution, const void *input,
                              const void *output_gradient, void *input_gradient,
                              float *weight_gradient, float *bias_gradient, void *scratch);

#endif
