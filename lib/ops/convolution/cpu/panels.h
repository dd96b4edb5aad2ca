// Inside the CPU backend: convolutions by our own products, directly or by Winograd's method.
// Activations are of either precision, products of float32. The functions are those of
// cpu_convolution, which see.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_PANELS_H
#define PLEURA_OPS_CONVOLUTION_CPU_PANELS_H

#include "backend/cpu/cpu.h"

struct panels;

// Whether it takes this layer.
bool panels_suit(const struct backend *backend, const struct convolution_shape *shape);

// Whether it takes it by so much fewer products that those need not be of bf16.
bool panels_save(const struct backend *backend, const struct convolution_shape *shape);

// With `gradient_only` it is asked for the weights' and the bias's gradients alone, and takes no
// weights.
CHECKED struct panels *panels_plan(struct backend *backend, const struct convolution_shape *shape,
                                   bool gradient_only, struct error *error);
void panels_release(struct panels *panels);
size_t panels_scratch(const struct panels *panels);
void panels_weights(struct panels *panels, const float *weights);
void panels_forward(struct panels *panels, const void *input, const float *bias, void *output,
                    void *scratch);
void panels_backward(struct panels *panels, const void *input, const void *output_gradient,
                     void *input_gradient, float *weight_gradient, float *bias_gradient,
                     void *scratch);

#endif
