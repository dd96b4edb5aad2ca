// A method of convolving on the CPU, and the ordered list of them. A layer has up to three passes;
// each is planned by the first method of the list that accepts it, once, and then only run.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_METHOD_H
#define PLEURA_OPS_CONVOLUTION_CPU_METHOD_H

#include "backend/cpu/cpu.h"

enum convolution_pass {
    CONVOLUTION_FORWARD,
    CONVOLUTION_DATA_GRADIENT,   // of the input
    CONVOLUTION_WEIGHT_GRADIENT, // of the weights and the bias
    CONVOLUTION_PASSES
};

// What a processor multiplies well, as far as it matters to the choice of a method.
struct convolution_processor {
    bool f32_products;   // cpu_f32_products
    bool int16_products; // cpu_int16_products
    bool bf16_products;  // onednn_multiplies_bf16,
    bool bf16_ahead;     // and cpu_bf16_ahead: faster than those of float32
    bool matrix_unit;    // cpu_amx_gemm
};

// This machine's.
struct convolution_processor convolution_processor(void);

// What is to be planned: one pass of a layer.
struct convolution_problem {
    struct convolution_shape shape;
    enum convolution_pass pass;
    enum precision precision; // of activations; weights and their gradients are float32
    int threads;
    struct convolution_processor processor;
};

struct convolution_rows {
    size_t image, first, end;
};

// A row of the list. Activations are images x height x width x channels, weights OIHW,
// where I are the input channels of one group.
struct convolution_method {
    const char *name; // in profiles, and in PLEURA_WITHOUT

    // Whether the method can do the pass, and is better there than the rows after it.
    bool (*accepts)(const struct convolution_problem *problem);

    // The share of the formula's products that it makes; NULL: all of them.
    double (*share)(const struct convolution_problem *problem);
    bool in_16_bits; // its products are of bf16 or of int16, which are as fast

    // Returns the pass's state, and the bytes of workspace that a run needs, 64-byte aligned. NULL
    // with *error.
    void *(*plan)(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error);
    void (*release)(void *state); // NULL is fine

    // Takes new weights for the forward pass or the input's gradient. They stay where they are
    // until the backward pass has run.
    void (*prepare)(void *state, const float *weights);

    // output = ReLU(convolution + bias + output), each as the shape asks; `bias` is NULL without.
    void (*forward)(void *state, const void *input, const float *bias, void *output,
                    void *workspace);
    // The same of an image's rows from `first` on, before `end`, on the calling thread; `input` and
    // `output` are where whole tensors would lie. The workspace is this thread's, `row_workspace`
    // bytes. NULL: only the whole can be made.
    void (*forward_rows)(void *state, const void *input, const float *bias, void *output,
                         struct convolution_rows rows, void *workspace);
    size_t (*row_workspace)(const void *state);
    // Writes the input's gradient.
    void (*data_gradient)(void *state, const void *output_gradient, void *input_gradient,
                          void *workspace);
    // Adds to the gradients of the weights, and of the bias unless it is NULL.
    void (*weight_gradient)(void *state, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace);
};

// The first method that accepts the problem. The environment's PLEURA_WITHOUT, names with commas
// between them, forbids methods: for tests and benchmarks. NULL with *error where a name there is
// none, or no method is left.
CHECKED const struct convolution_method *convolution_method_for(
    const struct convolution_problem *problem, struct error *error);

// The list, from the best to the one that accepts everything; NULL behind the last.
const struct convolution_method *convolution_method_at(size_t index);

#define CONVOLUTION_METHOD(name) extern const struct convolution_method convolution_##name;
#include "ops/convolution/cpu/methods.def"
#undef CONVOLUTION_METHOD

// Memory of a pass's state, and behind it of `kept` bytes, 64-byte aligned, for what the pass keeps
// of its weights: *memory, NULL for 0. free takes both back. NULL with *error.
void *convolution_state_alloc(size_t bytes, size_t kept, void **memory, struct error *error);

// Numbers in a layer's tensors.
static inline size_t convolution_inputs(const struct convolution_shape *shape) {
    return shape->images * shape->height * shape->width * shape->channels;
}

static inline size_t convolution_outputs(const struct convolution_shape *shape) {
    return shape->images * shape->out_height * shape->out_width * shape->out_channels;
}

static inline size_t convolution_weights(const struct convolution_shape *shape) {
    return shape->out_channels * (shape->channels / shape->groups) * shape->window * shape->window;
}

// Bytes up to where the next part of a workspace may begin: 64-byte aligned.
static inline size_t workspace_part(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

// The next part, behind one of so many bytes.
static inline void *workspace_behind(void *part, size_t bytes) {
    return (char *)part + bytes;
}

// Bytes for two that use a workspace one after the other.
static inline size_t workspace_for_either(size_t one, size_t other) {
    return one > other ? one : other;
}

#endif
