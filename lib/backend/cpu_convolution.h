// Inside the CPU backend: a convolution's primitives of oneDNN, for those who plan and run them.
//
// 3 x 3 convolutions of float32 go by Winograd's method (F(4 x 4, 3 x 3): Lavin, Gray 2016), which
// oneDNN has for blocks of 16 channels only. Their activations are brought into that order and
// back one image, or a few small ones, at a time: more memory than that they never take.
#ifndef PLEURA_BACKEND_CPU_CONVOLUTION_H
#define PLEURA_BACKEND_CPU_CONVOLUTION_H

#include "backend/onednn.h"

// The input's or the output's activations: as they lie outside, and as the passes take them.
struct side {
    dnnl_memory_t outside, inside;
    dnnl_primitive_t in, out; // from one to the other; NULL: they are the same
    size_t bytes;             // outside, in one run
    size_t room;              // inside, if it is another
};

// How the forward pass, or the backward ones, go: in runs, each of as many images.
struct way {
    dnnl_alg_kind_t algorithm;
    size_t runs;
    struct side source, destination;
};

// Memory whose address is given before each run, or that oneDNN keeps (weights).
struct cpu_convolution {
    struct onednn *onednn;
    struct convolution_shape shape;
    struct way forward, backward;
    dnnl_primitive_t passes[PASS_COUNT];
    dnnl_primitive_t take[PASS_COUNT]; // OIHW weights into a pass's layout; the gradient out of it
    dnnl_memory_t bias, scratch[PASS_COUNT];
    dnnl_memory_t plain;               // OIHW
    dnnl_memory_t weights[PASS_COUNT]; // of PASS_WEIGHTS: the gradient, in scratch
    size_t scratch_bytes[PASS_COUNT], gradient_bytes;
};

// Bytes up to where oneDNN likes memory to begin.
static inline size_t onednn_room(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

// Where the bias's gradient lies before it is added, in bytes.
size_t cpu_convolution_bias_room(const struct cpu_convolution *convolution);

#endif
