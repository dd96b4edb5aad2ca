// oneDNN as rows of the list: bf16 in matrix units, bf16 by vectors, and float32.
#include "ops/convolution/cpu/onednn/pass.h"

// What oneDNN makes of bf16 with matrix units is ahead of all else always; but oneDNN 2.6 plans
// some layers' weights' gradients with them for ever, and crashes in others' (3 x 3 from 8 to 8
// channels at 768 x 768, from 32 to 8 at 384 x 384).
static bool accepts_amx(const struct convolution_problem *problem) {
    return problem->shape.groups == 1 && problem->precision == PRECISION_BF16 &&
           problem->processor.bf16_products && problem->processor.matrix_unit &&
           problem->pass != CONVOLUTION_WEIGHT_GRADIENT;
}

// Layers of one group. oneDNN 2.6 leaves out products of weights' gradients where windows of 1 x 1
// are 3 pixels apart and the input has few channels.
static bool is_right(const struct convolution_problem *problem) {
    return problem->shape.groups == 1 && (problem->pass != CONVOLUTION_WEIGHT_GRADIENT ||
                                          problem->shape.window > 1 || problem->shape.stride <= 2);
}

static bool accepts_bf16(const struct convolution_problem *problem) {
    return problem->precision == PRECISION_BF16 && problem->processor.bf16_products &&
           !problem->processor.matrix_unit && is_right(problem);
}

// Activations of bf16 are converted as a whole on their way in and out.
static bool accepts_f32(const struct convolution_problem *problem) {
    return is_right(problem);
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  enum precision precision, size_t *workspace, struct error *error) {
    struct onednn_pass *pass = onednn_pass_plan(backend, problem, precision, error);
    if (pass != NULL) {
        *workspace = onednn_pass_workspace(pass);
    }
    return pass;
}

static void *plan_bf16(struct backend *backend, const struct convolution_problem *problem,
                       size_t *workspace, struct error *error) {
    return plan(backend, problem, PRECISION_BF16, workspace, error);
}

static void *plan_f32(struct backend *backend, const struct convolution_problem *problem,
                      size_t *workspace, struct error *error) {
    return plan(backend, problem, PRECISION_F32, workspace, error);
}

static void release(void *pass) {
    onednn_pass_release(pass);
}

#define ONEDNN_PASS                                                                                \
    .release = release, .prepare = onednn_pass_prepare, .forward = onednn_pass_forward,            \
    .data_gradient = onednn_pass_data_gradient, .weight_gradient = onednn_pass_weight_gradient

const struct convolution_method convolution_onednn_amx = {.name = "onednn-amx",
                                                          .in_16_bits = true,
                                                          .accepts = accepts_amx,
                                                          .plan = plan_bf16,
                                                          ONEDNN_PASS};

const struct convolution_method convolution_onednn_bf16 = {.name = "onednn-bf16",
                                                           .in_16_bits = true,
                                                           .accepts = accepts_bf16,
                                                           .plan = plan_bf16,
                                                           ONEDNN_PASS};

const struct convolution_method convolution_onednn_f32 = {
    .name = "onednn-f32", .accepts = accepts_f32, .plan = plan_f32, ONEDNN_PASS};
