// Convolutions of 1 x 1 on a few pixels by CUDA, such as those of squeeze and excitation on the
// means of a few images: products of a few rows, whose weights are read once. Weights lie as
// out_channels x channels, in the backend's precision; sums are float32.
#ifndef PLEURA_OPS_CONVOLUTION_CUDA_FEW_PIXELS_H
#define PLEURA_OPS_CONVOLUTION_CUDA_FEW_PIXELS_H

#include "backend/cuda/cuda.h"

// Whether these kernels take the layer.
bool cuda_few_pixels_takes(const struct convolution_shape *shape);

// Queues the forward pass: + bias (as in cuda_joined, NULL: nothing joins), + residual, then ReLU.
void cuda_few_pixels_forward(struct backend *backend, const struct convolution_shape *shape,
                             const void *input, const void *weights,
                             const struct cuda_joined *joined, void *output);

// Queues the input's gradient; `add`: it is added to what is there.
void cuda_few_pixels_input_gradient(struct backend *backend, const struct convolution_shape *shape,
                                    const void *weights, const void *output_gradient,
                                    void *input_gradient, bool add);

// Queues the gradients of weights and bias (NULL: not wanted), which are added to.
void cuda_few_pixels_parameter_gradients(struct backend *backend,
                                         const struct convolution_shape *shape, const void *input,
                                         const void *output_gradient, float *weight_gradient,
                                         float *bias_gradient);

#endif
