// Direct convolution as a row of the list: layers whose channels make whole panels.
#include "ops/convolution/cpu/direct/direct.h"
#include "ops/convolution/cpu/repeated.h"

static const struct phased_convolution passes = {.complete = direct_complete,
                                                 .weights_size = direct_weights_size,
                                                 .pack_weights = direct_pack_weights,
                                                 .workspace = direct_workspace,
                                                 .convolve = direct_convolve,
                                                 .row_workspace = direct_row_workspace,
                                                 .convolve_rows = direct_convolve_rows,
                                                 .convolve_phases = direct_convolve_phases,
                                                 .gradient_workspace = direct_gradient_workspace,
                                                 .weight_gradient = direct_weight_gradient};

static bool accepts(const struct convolution_problem *problem) {
    const bool ahead = problem->precision == PRECISION_BF16 && problem->processor.bf16_ahead;
    return problem->processor.f32_products && !ahead && problem->shape.groups == 1 &&
           phases_suit(&passes, problem);
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    (void)backend;
    return phases_plan(&passes, problem, workspace, error);
}

const struct convolution_method convolution_direct = {
    .name = "direct", .accepts = accepts, .share = repeated_share, .plan = plan, PHASES_PASSES};
