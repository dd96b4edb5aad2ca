// Runs as rows of the list, in bf16: by matrix units narrow layers, by vectors more of them.
#include "ops/convolution/cpu/repeated.h"
#include "ops/convolution/cpu/runs/runs.h"

#include <omp.h>
#include <stdlib.h>

struct phase {
    struct run_plan plan;
    uint16_t *packed; // weights
};

struct state {
    size_t phase_count; // of repeated pixels, or 1
    struct phase phases[REPEATED_PHASES];
    float *sums; // of weights, of a phase of repeated pixels
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

static bool accepts_tiles(const struct convolution_problem *problem) {
    return problem->processor.matrix_unit && is_narrow(problem) && runs_suit(problem);
}

// oneDNN's are ahead by a twentieth in layers of many channels. In prediction strips make up for
// it; in training these are taken where few channels are written, or few are read.
static bool accepts_vectors(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    const bool to_input = problem->pass == CONVOLUTION_DATA_GRADIENT;
    const size_t written = to_input ? shape->channels : shape->out_channels;
    const size_t read = to_input ? shape->out_channels : shape->channels;
    return problem->processor.bf16_ahead && (!shape->train || written <= 8 || read <= 4) &&
           runs_suit(problem);
}

static void release(void *planned) {
    struct state *state = planned;
    for (size_t i = 0; state != NULL && i < state->phase_count; i++) {
        free(state->phases[i].packed);
    }
    if (state != NULL) {
        free(state->sums);
    }
    free(state);
}

// A phase's pixels lie apart: none make a column of two.
static bool has_phases(const struct convolution_problem *problem) {
    return repeated_suits(problem) && 2 * problem->shape.out_channels > CPU_BF16_PANEL;
}

static double share(const struct convolution_problem *problem) {
    return has_phases(problem) ? repeated_share(problem) : 1;
}

static bool plan_phases(struct state *state, const struct run_functions *functions,
                        const struct convolution_problem *problem) {
    const bool repeated = has_phases(problem);
    const size_t windows = problem->shape.channels * problem->shape.out_channels;
    bool planned = true;
    state->phase_count = repeated ? REPEATED_PHASES : 1;
    for (size_t i = 0; i < state->phase_count; i++) {
        struct phase *phase = &state->phases[i];
        phase->plan =
            repeated ? runs_plan_phase(problem, functions, i) : runs_plan(problem, functions);
        phase->packed =
            aligned_alloc(64, workspace_part(runs_weights(&phase->plan) * sizeof *phase->packed));
        planned = planned && phase->packed != NULL;
    }
    state->sums = repeated ? malloc(windows * REPEATED_PHASES * sizeof *state->sums) : NULL;
    return planned && (!repeated || state->sums != NULL);
}

// Of any phase.
static size_t row_workspace(const void *planned) {
    const struct state *state = planned;
    size_t bytes = 0;
    for (size_t i = 0; i < state->phase_count; i++) {
        bytes = workspace_for_either(bytes, runs_workspace(&state->phases[i].plan));
    }
    return bytes;
}

static void *plan(const struct run_functions *functions, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL || !plan_phases(state, functions, problem)) {
        release(state);
        (void)fail(error, "no memory");
        return NULL;
    }
    *workspace = (size_t)problem->threads * row_workspace(state);
    return state;
}

static void *plan_tiles(struct backend *backend, const struct convolution_problem *problem,
                        size_t *workspace, struct error *error) {
    (void)backend;
    return plan(run_functions_by_tiles(), problem, workspace, error);
}

static void *plan_vectors(struct backend *backend, const struct convolution_problem *problem,
                          size_t *workspace, struct error *error) {
    (void)backend;
    return plan(run_functions_by_vectors(), problem, workspace, error);
}

static void prepare(void *planned, const float *weights) {
    struct state *state = planned;
    for (size_t i = 0; i < state->phase_count; i++) {
        const struct phase *phase = &state->phases[i];
        if (state->sums != NULL) {
            repeated_weights(weights, phase->plan.channels * phase->plan.out_channels, i,
                             state->sums);
        }
        runs_pack(&phase->plan, state->sums != NULL ? state->sums : weights, phase->packed);
    }
}

// Of an image: numbers of what is read, and of what is written.
static size_t image_read(const struct run_plan *plan) {
    return plan->height * plan->width * plan->channels;
}

static size_t image_written(const struct run_plan *plan) {
    return plan->out_height * plan->out_width * plan->out_channels;
}

static void forward_rows(void *planned, const void *input, const float *bias, void *output,
                         struct convolution_rows rows, void *workspace) {
    const struct state *state = planned;
    for (size_t i = 0; i < state->phase_count; i++) {
        const struct phase *phase = &state->phases[i];
        const struct run_plan *plan = &phase->plan;
        const struct convolution_rows own = state->sums != NULL ? repeated_rows(rows, i) : rows;
        runs_convolve(
            plan, phase->packed, bias, (const uint16_t *)input + rows.image * image_read(plan),
            (uint16_t *)output + rows.image * image_written(plan), own.first, own.end, workspace);
    }
}

#define BAND ((size_t)16) // rows made together, of which what is read stays in the cache

// All rows of all images, which threads share out.
static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct run_plan *plan = &state->phases[0].plan;
    const size_t bytes = row_workspace(state);
    const size_t rows = plan->problem.shape.images * plan->out_height;
    const size_t threads = (size_t)plan->problem.threads;
#pragma omp parallel for schedule(static, 1) num_threads(plan->problem.threads)
    for (size_t t = 0; t < threads; t++) {
        const size_t last = rows * (t + 1) / threads;
        for (size_t row = rows * t / threads; row < last;) {
            const size_t first = row % plan->out_height;
            const size_t left = last - row < BAND ? last - row : BAND;
            const size_t end = first + left < plan->out_height ? first + left : plan->out_height;
            forward_rows(planned, input, bias, output,
                         (struct convolution_rows){row / plan->out_height, first, end},
                         (char *)workspace + t * bytes);
            row += end - first;
        }
    }
}

static void data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    forward(planned, output_gradient, NULL, input_gradient, workspace);
}

#define RUN_PASSES                                                                                 \
    .share = share, .in_16_bits = true, .release = release, .prepare = prepare,                    \
    .forward = forward, .forward_rows = forward_rows, .row_workspace = row_workspace,              \
    .data_gradient = data_gradient

const struct convolution_method convolution_runs_amx = {
    .name = "runs-amx", .accepts = accepts_tiles, .plan = plan_tiles, RUN_PASSES};

const struct convolution_method convolution_runs_bf16 = {
    .name = "runs-bf16", .accepts = accepts_vectors, .plan = plan_vectors, RUN_PASSES};
