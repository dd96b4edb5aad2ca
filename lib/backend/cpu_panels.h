// Inside the CPU backend: float32 convolutions by our own products, directly or by Winograd's
// method. The functions are those of cpu_convolution, which see.
#ifndef PLEURA_BACKEND_CPU_PANELS_H
#define PLEURA_BACKEND_CPU_PANELS_H

#include "backend/cpu.h"

struct panels;

// Whether it takes this layer.
bool panels_suit(const struct backend *backend, const struct convolution_shape *shape);

CHECKED struct panels *panels_plan(struct backend *backend, const struct convolution_shape *shape,
                                   struct error *error);
void panels_release(struct panels *panels);
size_t panels_scratch(const struct panels *panels);
void panels_weights(struct panels *panels, const float *weights);
void panels_forward(struct panels *panels, const float *input, const float *bias, float *output,
                    void *scratch);
void panels_backward(struct panels *panels, const float *input, const float *output_gradient,
                     float *input_gradient, float *weight_gradient, float *bias_gradient,
                     void *scratch);

#endif
