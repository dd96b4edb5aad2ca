// Direct convolution as a row of the list: layers whose channels make whole panels.
#include "ops/convolution/cpu/bias_gradient.h"
#include "ops/convolution/cpu/direct/direct.h"

#include <stdlib.h>

#define MAX_STRIDE 2
#define MAX_PHASES (MAX_STRIDE * MAX_STRIDE)

// The input's gradient is made in stride x stride phases, the other passes in one.
struct phase {
    struct sweep sweep;
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

static bool find_phase(const struct convolution_problem *problem, size_t number,
                       struct phase *phase) {
    return problem->pass == CONVOLUTION_DATA_GRADIENT
               ? sweep_backward(problem, number, &phase->sweep, &phase->taps)
               : sweep_forward(problem, &phase->sweep, &phase->taps);
}

static bool accepts(const struct convolution_problem *problem) {
    const bool ahead = problem->precision == PRECISION_BF16 && problem->processor.bf16_ahead;
    bool makes_panels = problem->shape.stride <= MAX_STRIDE;
    for (size_t i = 0; makes_panels && i < phases_of(problem); i++) {
        struct phase phase;
        makes_panels = find_phase(problem, i, &phase);
    }
    return makes_panels && problem->processor.f32_products && !ahead;
}

static size_t greater(size_t one, size_t other) {
    return one > other ? one : other;
}

static void release(void *planned) {
    struct state *state = planned;
    for (size_t i = 0; state != NULL && i < state->phase_count; i++) {
        free(state->phases[i].weights);
    }
    free(state);
}

static bool plan_phase(struct state *state, size_t number, size_t *workspace) {
    struct phase *phase = &state->phases[number];
    if (!find_phase(&state->problem, number, phase)) {
        return false;
    }
    if (state->problem.pass == CONVOLUTION_WEIGHT_GRADIENT) {
        *workspace = greater(sweep_gradient_scratch(&phase->sweep),
                             cpu_bias_gradient_workspace(&state->problem.shape));
        return true;
    }
    const size_t bytes = sweep_weights_size(&phase->sweep) * sizeof(float);
    *workspace = greater(*workspace, sweep_scratch(&phase->sweep));
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
        sweep_weights(&phase->sweep, &phase->taps, weights, phase->weights);
    }
}

static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    sweep_convolve(&state->phases[0].sweep, input, state->phases[0].weights,
                   (struct epilogue){bias, shape->sum, shape->relu}, output, 0, workspace);
}

// Where a phase's first pixel lies in the input's gradient.
static size_t phase_at(const struct convolution_shape *shape, size_t phase) {
    return (phase / shape->stride * shape->width + phase % shape->stride) * shape->channels;
}

static void data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    const struct state *state = planned;
    for (size_t i = 0; i < state->phase_count; i++) {
        sweep_convolve(&state->phases[i].sweep, output_gradient, state->phases[i].weights,
                       (struct epilogue){.bias = NULL}, input_gradient,
                       phase_at(&state->problem.shape, i), workspace);
    }
}

static void weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct state *state = planned;
    sweep_gradient(&state->phases[0].sweep, &state->phases[0].taps, input, output_gradient,
                   weight_gradient, workspace);
    if (bias_gradient != NULL) {
        cpu_add_bias_gradient(&state->problem, output_gradient, bias_gradient, workspace);
    }
}

const struct convolution_method convolution_direct = {.name = "direct",
                                                      .accepts = accepts,
                                                      .plan = plan,
                                                      .release = release,
                                                      .prepare = prepare,
                                                      .forward = forward,
                                                      .data_gradient = data_gradient,
                                                      .weight_gradient = weight_gradient};
