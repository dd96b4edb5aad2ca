// Grouped convolution as a row of the list: groups of 1, 4, 8, 16, 32 or 64 channels.
#include "ops/convolution/cpu/bias_gradient.h"
#include "ops/convolution/cpu/grouped/grouped.h"

#include <stdlib.h>

#define MAX_STRIDE 2
#define MAX_PHASES (MAX_STRIDE * MAX_STRIDE)

// The input's gradient is made in stride x stride phases, the other passes in one.
struct phase {
    struct grouped_plan plan;
    float *weights; // by vectors; NULL for the weights' gradient
};

struct state {
    struct convolution_problem problem;
    struct phase phases[MAX_PHASES];
    size_t phase_count;
};

static bool accepts(const struct convolution_problem *problem) {
    return problem->processor.f32_products && problem->shape.stride <= MAX_STRIDE &&
           grouped_suits(&problem->shape);
}

static void release(void *planned) {
    struct state *state = planned;
    for (size_t i = 0; state != NULL && i < state->phase_count; i++) {
        free(state->phases[i].weights);
    }
    free(state);
}

static bool plan_phase(struct state *state, size_t index, size_t *workspace) {
    const struct convolution_problem *problem = &state->problem;
    struct phase *phase = &state->phases[index];
    struct grouped_plan *plan = &phase->plan;
    if (problem->pass == CONVOLUTION_DATA_GRADIENT) {
        direct_lay_data_gradient(problem, index, &plan->direct, &plan->taps);
    } else {
        direct_lay_forward(problem, &plan->direct, &plan->taps);
    }
    grouped_plan_tiles(plan, &problem->shape);
    if (problem->pass == CONVOLUTION_WEIGHT_GRADIENT) {
        *workspace = workspace_for_either(grouped_gradient_workspace(plan),
                                          cpu_bias_gradient_workspace(&problem->shape));
        return true;
    }
    *workspace = workspace_for_either(*workspace, grouped_workspace(plan));
    phase->weights =
        aligned_alloc(64, workspace_part(grouped_weights_size(plan) * sizeof(float) + 1));
    return phase->weights != NULL;
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    struct state *state = calloc(1, sizeof *state);
    bool planned = state != NULL;
    (void)backend;
    *workspace = 0;
    if (planned) {
        const size_t stride = problem->shape.stride;
        state->problem = *problem;
        state->phase_count = problem->pass == CONVOLUTION_DATA_GRADIENT ? stride * stride : 1;
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
        grouped_pack_weights(&state->phases[i].plan, weights, state->phases[i].weights);
    }
}

static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    grouped_convolve(&state->phases[0].plan, input, state->phases[0].weights,
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
        grouped_convolve(&state->phases[i].plan, output_gradient, state->phases[i].weights,
                         (struct epilogue){.bias = NULL}, input_gradient,
                         phase_offset(&state->problem.shape, i), workspace);
    }
}

static void weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct state *state = planned;
    grouped_weight_gradient(&state->phases[0].plan, input, output_gradient, weight_gradient,
                            workspace);
    cpu_add_bias_gradient(&state->problem, output_gradient, bias_gradient, workspace);
}

const struct convolution_method convolution_grouped = {.name = "grouped",
                                                       .accepts = accepts,
                                                       .plan = plan,
                                                       .release = release,
                                                       .prepare = prepare,
                                                       .forward = forward,
                                                       .data_gradient = data_gradient,
                                                       .weight_gradient = weight_gradient};
