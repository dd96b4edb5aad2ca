// Inside the CPU backend: convolutions by oneDNN. Activations are NHWC, weights in whatever layout
// a pass likes best: they are small and reordered once per change. The functions are those of
// cpu_convolution, which see.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_ONEDNN_CONVOLUTION_H
#define PLEURA_OPS_CONVOLUTION_CPU_ONEDNN_CONVOLUTION_H

#include "backend/cpu/onednn.h"

// Memory whose address is given before each run, or that oneDNN keeps (weights).
struct onednn_convolution {
    struct onednn *onednn;
    struct convolution_shape shape;
    dnnl_primitive_t passes[PASS_COUNT];
    dnnl_primitive_t take[PASS_COUNT]; // OIHW weights into a pass's layout; the gradient out of it
    dnnl_memory_t source, destination, bias, scratch[PASS_COUNT];
    dnnl_memory_t plain;               // OIHW
    dnnl_memory_t weights[PASS_COUNT]; // of PASS_WEIGHTS: the gradient, in scratch
    size_t scratch_bytes[PASS_COUNT], gradient_bytes;
};

// Without `gradient` it is not asked for the weights' and the bias's gradients.
CHECKED struct onednn_convolution *onednn_convolution_plan(struct backend *backend,
                                                           const struct convolution_shape *shape,
                                                           bool gradient, struct error *error);
void onednn_convolution_release(struct onednn_convolution *convolution);
size_t onednn_convolution_scratch(const struct onednn_convolution *convolution);
void onednn_convolution_weights(struct onednn_convolution *convolution, const float *weights);
void onednn_convolution_forward(struct onednn_convolution *convolution, const void *input,
                                const float *bias, void *output, void *scratch);
void onednn_convolution_backward(struct onednn_convolution *convolution, const void *input,
                                 const void *output_gradient, void *input_gradient,
                                 float *weight_gradient, float *bias_gradient, void *scratch);

// Bytes up to where oneDNN likes memory to begin.
static inline size_t onednn_room(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

// Where the bias's gradient lies before it is added, in bytes.
size_t onednn_bias_room(const struct onednn_convolution *convolution);

#endif
