// Grouped convolution as a row of the list: groups of 1, 4, 8, 16, 32 or 64 channels.
#include "ops/convolution/cpu/grouped/grouped.h"

static const struct phased_convolution passes = {.complete = grouped_complete,
                                                 .weights_size = grouped_weights_size,
                                                 .pack_weights = grouped_pack_weights,
                                                 .workspace = grouped_workspace,
                                                 .convolve = grouped_convolve,
                                                 .row_workspace = grouped_row_workspace,
                                                 .convolve_rows = grouped_convolve_rows,
                                                 .convolve_phases = grouped_convolve_phases,
                                                 .gradient_workspace = grouped_gradient_workspace,
                                                 .weight_gradient = grouped_weight_gradient};

static bool accepts(const struct convolution_problem *problem) {
    return problem->processor.f32_products && phases_suit(&passes, problem);
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    (void)backend;
    return phases_plan(&passes, problem, workspace, error);
}

const struct convolution_method convolution_grouped = {
    .name = "grouped", .accepts = accepts, .plan = plan, PHASES_PASSES};
