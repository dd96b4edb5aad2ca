// Weights' gradients in bf16 by matrix units as a row of the list, for layers of one group.
// oneDNN's are not taken, as 2.6 plans some of them for ever and crashes in others
// (onednn/method.c).
#include "ops/convolution/cpu/amx/gradient.h"
#include "ops/convolution/cpu/bias_gradient.h"

#include <stdlib.h>

static bool accepts(const struct convolution_problem *problem) {
    struct amx_gradient gradient;
    return problem->precision == PRECISION_BF16 && problem->processor.matrix_unit &&
           problem->pass == CONVOLUTION_WEIGHT_GRADIENT &&
           amx_gradient_plan(problem, amx_functions_here(), &gradient);
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    struct amx_gradient *gradient = calloc(1, sizeof *gradient);
    (void)backend;
    if (gradient == NULL || !amx_gradient_plan(problem, amx_functions_here(), gradient)) {
        free(gradient);
        (void)fail(error, "no memory");
        return NULL;
    }
    *workspace = workspace_for_either(amx_gradient_workspace(gradient),
                                      cpu_bias_gradient_workspace(&problem->shape));
    return gradient;
}

static void weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct amx_gradient *plan = planned;
    amx_gradient_run(plan, input, output_gradient, weight_gradient, workspace);
    cpu_add_bias_gradient(&plan->problem, output_gradient, bias_gradient, workspace);
}

const struct convolution_method convolution_amx = {.name = "amx",
                                                   .in_16_bits = true,
                                                   .accepts = accepts,
                                                   .plan = plan,
                                                   .release = free,
                                                   .weight_gradient = weight_gradient};
