// Convolutions of 3 x 3 between few channels by CUDA, in bf16 by tensor cores, as decoders have
// them on their largest maps: cuDNN's kernels are made for wide layers, and take ten times as long
// as the maps' traffic with memory. Weights lie as out_channels x window x window x channels, in
// bf16; sums are float32.
#ifndef PLEURA_OPS_CONVOLUTION_CUDA_NARROW_H
#define PLEURA_OPS_CONVOLUTION_CUDA_NARROW_H

#include "backend/cuda/cuda.h"

// Whether these kernels take the layer's forward pass and its input's gradient.
bool cuda_narrow_takes(const struct backend *backend, const struct convolution_shape *shape);

// Queues the forward pass: + bias (as in cuda_joined, NULL: nothing joins), + residual, then ReLU.
void cuda_narrow_forward(struct backend *backend, const struct convolution_shape *shape,
                         const void *input, const void *weights, const struct cuda_joined *joined,
                         void *output);

// Queues the input's gradient; `add`: it is added to what is there.
void cuda_narrow_input_gradient(struct backend *backend, const struct convolution_shape *shape,
                                const void *weights, const void *output_gradient,
                                void *input_gradient, bool add);

#endif
