// Direct convolution as a row of the list: layers whose channels make whole panels.
#include "ops/convolution/cpu/bias_gradient.h"
#include "ops/convolution/cpu/direct/direct.h"

#include <stdlib.h>

#define MAX_STRIDE 2
#define MAX_PHASES (MAX_STRIDE * MAX_STRIDE)

// The input's gradient is made in stride x stride phases, the other passes in one.
struct phase {
    struct direct_plan plan;
    struct taps taps;
    float *weights; // in panels; NULL for the weights' gradient
};

struct state {
    struct convolution_problem problem;
    struct phase phases[MAX_PHASES];
    size_t phase_count;
};

static size_t phases_of(const struct convolution_problem *problem) {
    const size_t stride = problem->shape.stride;
    return problem->pass == CONVOLUTION_DATA_GRADIENT ? stride * stride : 1;
}

static bool find_phase(const struct convolution_problem *problem, size_t index,
                       struct phase *phase) {
    return problem->pass == CONVOLUTION_DATA_GRADIENT
               ? direct_plan_data_gradient(problem, index, &phase->plan, &phase->taps)
               : direct_plan_forward(problem, &phase->plan, &phase->taps);
}

static bool accepts(const struct convolution_problem *problem) {
    const bool ahead = problem->precision == PRECISION_BF16 && problem->processor.bf16_ahead;
    bool makes_panels = problem->shape.groups == 1 && problem->shape.stride <= MAX_STRIDE;
    for (size_t i = 0; makes_panels && i < phases_of(problem); i++) {
        struct phase phase;
        makes_panels = find_phase(problem, i, &phase);
    }
    return makes_panels && problem->processor.f32_products && !ahead;
}

static void release(void *planned) {
    struct state *state = planned;
    for (size_t i = 0; state != NULL && i < state->phase_count; i++) {
        free(state->phases[i].weights);
    }
    free(state);
}

static bool plan_phase(struct state *state, size_t index, size_t *workspace) {
    struct phase *phase = &state->phases[index];
    if (!find_phase(&state->problem, index, phase)) {
        return false;
    }
    if (state->problem.pass == CONVOLUTION_WEIGHT_GRADIENT) {
        *workspace = workspace_for_either(direct_gradient_workspace(&phase->plan),
                                          cpu_bias_gradient_workspace(&state->problem.shape));
        return true;
    }
    const size_t bytes = direct_weights_size(&phase->plan) * sizeof(float);
    *workspace = workspace_for_either(*workspace, direct_workspace(&phase->plan));
    phase->weights = aligned_alloc(64, workspace_part(bytes + 1));
    return phase->weights != NULL;
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    struct state *state = calloc(1, sizeof *state);
    bool planned = state != NULL;
    (void)backend;
    *workspace = 0;
    if (planned) {
        state->problem = *problem;
        state->phase_count = phases_of(problem);
    }
    for (size_t i = 0; planned && i < state->phase_count; i++) {
        planned = plan_phase(state, i, workspace);
    }
    if (!planned) {
        release(state);
        (void)fail(error, "no memory");
        return NULL;
    }
    return state;
}

static void prepare(void *planned, const float *weights) {
    struct state *state = planned;
    for (size_t i = 0; i < state->phase_count; i++) {
        struct phase *phase = &state->phases[i];
        direct_pack_weights(&phase->plan, &phase->taps, weights, phase->weights);
    }
}

static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    direct_convolve(&state->phases[0].plan, input, state->phases[0].weights,
                    (struct epilogue){bias, shape->sum, shape->relu}, output, 0, workspace);
}

// Where a phase's first pixel lies in the input's gradient.
static size_t phase_offset(const struct convolution_shape *shape, size_t phase) {
    return (phase / shape->stride * shape->width + phase % shape->stride) * shape->channels;
}

static void data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    const struct state *state = planned;
    for (size_t i = 0; i < state->phase_count; i++) {
        direct_convolve(&state->phases[i].plan, output_gradient, state->phases[i].weights,
                        (struct epilogue){.bias = NULL}, input_gradient,
                        phase_offset(&state->problem.shape, i), workspace);
    }
}

static void weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct state *state = planned;
    direct_weight_gradient(&state->phases[0].plan, &state->phases[0].taps, input, output_gradient,
                           weight_gradient, workspace);
    cpu_add_bias_gradient(&state->problem, output_gradient, bias_gradient, workspace);
}

const struct convolution_method convolution_direct = {.name = "direct",
                                                      .accepts = accepts,
                                                      .plan = plan,
                                                      .release = release,
                                                      .prepare = prepare,
                                                      .forward = forward,
                                                      .data_gradient = data_gradient,
                                                      .weight_gradient = weight_gradient};
