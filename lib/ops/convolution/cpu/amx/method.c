// Matrix units as a row of the list, in bf16 and for layers of one group: weights' gradients, of
// which oneDNN's are not taken, as 2.6 plans some of them for ever and crashes in others
// (onednn/method.c); and narrow layers' other passes.
#include "ops/convolution/cpu/amx/forward.h"
#include "ops/convolution/cpu/amx/gradient.h"
#include "ops/convolution/cpu/bias_gradient.h"

#include <omp.h>
#include <stdlib.h>

// A pass: either plan.
struct state {
    struct amx_gradient gradient;
    struct amx_forward forward;
    uint16_t *tiles; // of the second
};

// Layers of few channels, in which oneDNN's are behind (docs/performance.md). In prediction, where
// they mostly run strip by strip, these are more, strided ones above all.
static bool is_narrow(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    const size_t one = shape->channels;
    const size_t other = shape->out_channels;
    const size_t fewer = one < other ? one : other;
    const size_t more = one + other - fewer;
    if (shape->train) {
        return more <= 8;
    }
    return fewer <= 16 || (fewer <= 32 && more <= 64) ||
           (fewer <= 64 && more <= 128 && shape->stride == 2);
}

static bool plan_pass(const struct convolution_problem *problem, struct state *state) {
    return problem->pass == CONVOLUTION_WEIGHT_GRADIENT
               ? amx_gradient_plan(problem, amx_functions_here(), &state->gradient)
               : is_narrow(problem) &&
                     amx_forward_plan(problem, amx_functions_here(), &state->forward);
}

static bool accepts(const struct convolution_problem *problem) {
    struct state state;
    return problem->precision == PRECISION_BF16 && problem->processor.own_tiles &&
           plan_pass(problem, &state);
}

static void release(void *planned) {
    struct state *state = planned;
    if (state != NULL) {
        free(state->tiles);
    }
    free(state);
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    struct state *state = calloc(1, sizeof *state);
    bool planned = state != NULL && plan_pass(problem, state);
    (void)backend;
    if (planned && problem->pass == CONVOLUTION_WEIGHT_GRADIENT) {
        *workspace = workspace_for_either(amx_gradient_workspace(&state->gradient),
                                          cpu_bias_gradient_workspace(&problem->shape));
    } else if (planned) {
        *workspace = (size_t)problem->threads * amx_forward_workspace(&state->forward);
        state->tiles = aligned_alloc(
            64, workspace_part(amx_forward_weights(&state->forward) * sizeof *state->tiles));
        planned = state->tiles != NULL;
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
    amx_forward_pack(&state->forward, weights, state->tiles);
}

#define BAND ((size_t)16) // rows made together, of which what is read stays in the cache

// All rows of all images, which threads share out.
static void make_all(const struct state *state, const float *bias, const uint16_t *input,
                     uint16_t *output, char *workspace) {
    const struct amx_forward *plan = &state->forward;
    const size_t rows = plan->problem.shape.images * plan->out_height;
    const size_t threads = (size_t)plan->problem.threads;
    const size_t inputs = plan->height * plan->width * plan->channels;
    const size_t outputs = plan->out_height * plan->out_width * plan->out_channels;
#pragma omp parallel for schedule(static, 1) num_threads(plan->problem.threads)
    for (size_t t = 0; t < threads; t++) {
        char *own = workspace + t * amx_forward_workspace(plan);
        const size_t last = rows * (t + 1) / threads;
        for (size_t row = rows * t / threads; row < last;) {
            const size_t image = row / plan->out_height;
            const size_t first = row % plan->out_height;
            const size_t left = last - row < BAND ? last - row : BAND;
            const size_t end = first + left < plan->out_height ? first + left : plan->out_height;
            amx_forward_rows(plan, state->tiles, bias, input + image * inputs,
                             output + image * outputs, first, end, own);
            row += end - first;
        }
    }
}

static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    make_all(planned, bias, input, output, workspace);
}

static void forward_rows(void *planned, const void *input, const float *bias, void *output,
                         struct convolution_rows rows, void *workspace) {
    const struct state *state = planned;
    const struct amx_forward *plan = &state->forward;
    const size_t inputs = plan->height * plan->width * plan->channels;
    const size_t outputs = plan->out_height * plan->out_width * plan->out_channels;
    amx_forward_rows(plan, state->tiles, bias, (const uint16_t *)input + rows.image * inputs,
                     (uint16_t *)output + rows.image * outputs, rows.first, rows.end, workspace);
}

static size_t row_workspace(const void *planned) {
    return amx_forward_workspace(&((const struct state *)planned)->forward);
}

static void data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    make_all(planned, NULL, output_gradient, input_gradient, workspace);
}

static void weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct amx_gradient *plan = &((const struct state *)planned)->gradient;
    amx_gradient_run(plan, input, output_gradient, weight_gradient, workspace);
    cpu_add_bias_gradient(&plan->problem, output_gradient, bias_gradient, workspace);
}

const struct convolution_method convolution_amx = {.name = "amx",
                                                   .in_bf16 = true,
                                                   .accepts = accepts,
                                                   .plan = plan,
                                                   .release = release,
                                                   .prepare = prepare,
                                                   .forward = forward,
                                                   .forward_rows = forward_rows,
                                                   .row_workspace = row_workspace,
                                                   .data_gradient = data_gradient,
                                                   .weight_gradient = weight_gradient};
