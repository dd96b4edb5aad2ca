// Depthwise convolutions by CUDA, by kernels of our own: every channel has one window. Activations
// lie as everywhere; weights are float32, window x window x channels; sums are float32, and no sum
// depends on the order in which blocks run.
#ifndef PLEURA_OPS_CONVOLUTION_CUDA_DEPTHWISE_H
#define PLEURA_OPS_CONVOLUTION_CUDA_DEPTHWISE_H

#include "backend/cuda/cuda.h"

// Whether these kernels take the layer: as many groups as channels in and out.
inline bool cuda_depthwise_takes(const struct convolution_shape *shape) {
    return shape->groups > 1 && shape->groups == shape->channels &&
           shape->groups == shape->out_channels;
}

// output = convolution + bias (a float32 a channel) + more (an output's size, of the backend's
// precision, or NULL), then ReLU if asked.
struct depthwise_joined {
    const float *bias;
    const void *more;
    bool relu;
};

// Queues the forward pass.
void cuda_depthwise_forward(struct backend *backend, const struct convolution_shape *shape,
                            const void *input, const float *weights,
                            const struct depthwise_joined *joined, void *output);

// Queues the input's gradient; `add`: it is added to what is there.
void cuda_depthwise_input_gradient(struct backend *backend, const struct convolution_shape *shape,
                                   const float *weights, const void *output_gradient,
                                   void *input_gradient, bool add);

// Bytes of scratch memory that the weights' gradient needs.
size_t cuda_depthwise_scratch(const struct backend *backend, const struct convolution_shape *shape);

// Queues the weights' gradient, which is added to `gradient`, channels x window x window.
void cuda_depthwise_weight_gradient(struct backend *backend, const struct convolution_shape *shape,
                                    const void *input, const void *output_gradient, float *gradient,
                                    void *scratch);

#endif
