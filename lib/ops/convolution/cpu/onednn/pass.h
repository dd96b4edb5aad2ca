// One pass of a convolution by oneDNN. Activations are NHWC, weights in whatever layout the pass
// likes best: they are small and reordered once per change.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_ONEDNN_PASS_H
#define PLEURA_OPS_CONVOLUTION_CPU_ONEDNN_PASS_H

#include "backend/cpu/onednn.h"
#include "ops/convolution/cpu/method.h"

// Memory is given its address before each run, but for weights that oneDNN keeps.
struct onednn_pass {
    struct onednn *onednn;
    struct convolution_problem problem;
    bool widened; // oneDNN computes in float32 what is stored as bf16
    dnnl_primitive_t primitive;
    dnnl_primitive_t reorder; // OIHW weights into the pass's layout; their gradient out of it
    dnnl_memory_t source, destination, bias, scratchpad;
    dnnl_memory_t plain;   // weights or their gradient, OIHW
    dnnl_memory_t weights; // in the pass's layout; the gradient lies in the workspace
    size_t weights_bytes, scratchpad_bytes;
};

// Plans a pass that is computed in `precision`. NULL with *error.
CHECKED struct onednn_pass *onednn_pass_plan(struct backend *backend,
                                             const struct convolution_problem *problem,
                                             enum precision precision, struct error *error);
void onednn_pass_release(struct onednn_pass *pass);

// The functions of a method (method.h); `planned` is a struct onednn_pass.
size_t onednn_pass_workspace(const struct onednn_pass *pass);
void onednn_pass_prepare(void *planned, const float *weights);
void onednn_pass_forward(void *planned, const void *input, const float *bias, void *output,
                         void *workspace);
void onednn_pass_data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                               void *workspace);
void onednn_pass_weight_gradient(void *planned, const void *input, const void *output_gradient,
                                 float *weight_gradient, float *bias_gradient, void *workspace);

#endif
