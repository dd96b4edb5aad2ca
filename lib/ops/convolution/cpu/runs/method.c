// Runs as rows of the list, in bf16: by matrix units narrow layers, by vectors more of them.
#include "ops/convolution/cpu/runs/runs.h"

#include <omp.h>
#include <stdlib.h>

struct state {
    struct run_plan plan;
    uint16_t *packed; // weights
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
    return problem->processor.own_tiles && is_narrow(problem) && runs_suit(problem);
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
    if (state != NULL) {
        free(state->packed);
    }
    free(state);
}

static void *plan(const struct run_functions *functions, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    struct state *state = calloc(1, sizeof *state);
    if (state != NULL) {
        state->plan = runs_plan(problem, functions);
        *workspace = (size_t)problem->threads * runs_workspace(&state->plan);
        state->packed =
            aligned_alloc(64, workspace_part(runs_weights(&state->plan) * sizeof *state->packed));
    }
    if (state == NULL || state->packed == NULL) {
        release(state);
        (void)fail(error, "no memory");
        return NULL;
    }
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
    runs_pack(&state->plan, weights, state->packed);
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
    const struct run_plan *plan = &state->plan;
    runs_convolve(
        plan, state->packed, bias, (const uint16_t *)input + rows.image * image_read(plan),
        (uint16_t *)output + rows.image * image_written(plan), rows.first, rows.end, workspace);
}

static size_t row_workspace(const void *planned) {
    return runs_workspace(&((const struct state *)planned)->plan);
}

#define BAND ((size_t)16) // rows made together, of which what is read stays in the cache

// All rows of all images, which threads share out.
static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct run_plan *plan = &state->plan;
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
                         (char *)workspace + t * runs_workspace(plan));
            row += end - first;
        }
    }
}

static void data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    forward(planned, output_gradient, NULL, input_gradient, workspace);
}

#define RUN_PASSES                                                                                 \
    .in_16_bits = true, .release = release, .prepare = prepare, .forward = forward,                \
    .forward_rows = forward_rows, .row_workspace = row_workspace, .data_gradient = data_gradient

const struct convolution_method convolution_runs_amx = {
    .name = "runs-amx", .accepts = accepts_tiles, .plan = plan_tiles, RUN_PASSES};

const struct convolution_method convolution_runs_bf16 = {
    .name = "runs-bf16", .accepts = accepts_vectors, .plan = plan_vectors, RUN_PASSES};
