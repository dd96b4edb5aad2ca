// What an operation is to the graph, and what each backend gives for it.
#ifndef PLEURA_NN_OPERATION_H
#define PLEURA_NN_OPERATION_H

#include "nn/graph.h"

enum run_mode {
    RUN_FORWARD,   // in training: batch statistics, dropout; what backward needs is saved
    RUN_RECOMPUTE, // a second forward in the backward pass, for an output that was not kept
};

// One run of a node. Addresses are the device's.
struct call {
    void *state;
    void *scratch;      // as much as was planned, for this call only; prepare has `preparation`,
    size_t row_scratch; // and a thread that makes rows has this much of it
    void *saved;        // as much as was planned, from forward to backward
    const void *in[NODE_INPUTS];
    void *out;
    const void *out_gradient;
    void *in_gradient[NODE_INPUTS]; // NULL: not wanted
    bool add[NODE_INPUTS];          // add to what the gradient holds
    float *parameter[NODE_PARAMETERS];
    float *gradient[NODE_PARAMETERS]; // added to; NULL: not learned
    const uint64_t *seed;             // of this step's random draws, on the device;
    uint64_t salt;                    // each node's own, to be mixed in
    enum run_mode mode;
};

// What a kernel is asked to plan, and what it answers.
struct kernel_plan {
    struct backend *backend;
    const struct graph *graph;
    const struct node *node;
    bool add[NODE_INPUTS]; // the gradients that backward adds to
    void *state;           // answers: the kernel's own,
    size_t scratch, saved; // and bytes,
    size_t preparation;    // of scratch that prepare has instead,
    size_t row_scratch;    // and that a thread has which makes rows (row_kernel),
    // and for profiles the names of the methods that it has chosen, which live as long as the
    // state; NULL: it has one method.
    const char *forward_method, *backward_method;
};

// A backend's way to do an operation. A kernel without backward is for prediction only. `plan`
// leaves *error and releases what it made where it fails; without it there is no state. `prepare`,
// if there is one, is called before the first forward step and when parameters have changed.
struct kernel {
    bool (*plan)(struct kernel_plan *plan, struct error *error);
    void (*forward)(const struct call *call);
    void (*backward)(const struct call *call);
    void (*release)(void *state);
    void (*prepare)(const struct call *call);
};

// Rows of an image: from `first` on, before `end`.
struct row_span {
    size_t first, end;
};

// The CPU's way to make some rows of an image's output in prediction, for groups of layers that run
// strip by strip (nn/strips/strips.h).
struct row_kernel {
    // Whether it can do the node; NULL: always.
    bool (*suits)(const struct kernel_plan *plan);
    // The rows of an input that it reads for some of the output; NULL: the same.
    struct row_span (*reads)(const struct graph *graph, const struct node *node, int input,
                             struct row_span rows);
    // Makes rows on the calling thread. Addresses are those that whole tensors would have: no other
    // rows need be there. Scratch is this thread's, plan->row_scratch bytes.
    void (*forward)(const struct call *call, size_t image, struct row_span rows);
};

// The rows of an input of so many that windows over it reach for rows of output.
struct row_span window_rows(struct row_span rows, size_t window, size_t stride, size_t pad,
                            size_t height);

// A model of ONNX in the making, and one of its tensors: see onnx/onnx.h.
struct onnx;
typedef int onnx_id;

struct operation {
    const char *name;
    int index; // in tables of kernels
    const struct kernel *cpu;
    const struct row_kernel *cpu_rows; // NULL: none
    bool reads_input[NODE_INPUTS];     // backward reads these inputs,
    bool reads_output;                 // and the output
    int in_place;                      // 1 + the input whose buffer the output may take; 0: none
    bool gradient_in_place;   // the first input's gradient may take the output's gradient's buffer,
    bool gradient_over_input; // or that of the first input, which backward reads before
    bool packs_weights;       // prepare takes all of the first parameter that forward reads
    bool recomputable;        // its output can be recomputed, at the price of its products
    double (*products)(const struct graph *graph, const struct node *node); // see nn/cost/cost.h
    // Adds what the node does in prediction, and returns its output; NULL: it cannot be exported.
    onnx_id (*onnx)(struct onnx *model, const struct node *node);
};

// The precision that a value is stored with on a backend; not for bytes.
enum precision plan_precision(const struct kernel_plan *plan, value_id value);

// The shape of the node's input.
struct shape plan_input_shape(const struct kernel_plan *plan, int input);
struct shape plan_output_shape(const struct kernel_plan *plan);

#endif
