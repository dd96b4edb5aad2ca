// pyramid_pool on the CPU. Pooling and interpolation are both linear along each axis: for a grid of
// g, two matrices, down (g x n) and up (n x g). Backward is the same with up^T and down^T.
#include "backend/cpu/cpu.h"
#include "core/simd.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"
#include "ops/pyramid_pool/matrices.h"

#include <stdlib.h>
#include <string.h>

#define CHANNELS 64 // worked on at once

// The matrices of one axis for one grid, each g x n: rows of cells.
struct matrices {
    float *down, *up;
};

struct state {
    struct shape shape;
    struct matrices tall[PYRAMID_GRIDS], wide[PYRAMID_GRIDS];
    size_t groups;    // of channels
    size_t workspace; // floats of scratch a thread
    enum precision precision;
    int threads;
};

static void release(void *memory) {
    struct state *state = memory;
    for (unsigned i = 0; i < PYRAMID_GRIDS; i++) {
        free(state->tall[i].down);
        free(state->tall[i].up);
        free(state->wide[i].down);
        free(state->wide[i].up);
    }
    free(state);
}

static bool make_matrices(struct matrices *axis, size_t n, size_t cells, struct error *error) {
    axis->down = calloc(cells * n, sizeof *axis->down);
    axis->up = calloc(cells * n, sizeof *axis->up);
    if (axis->down == NULL || axis->up == NULL) {
        return fail(error, "no memory");
    }
    return pyramid_matrices(axis->down, axis->up, n, cells, error);
}

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape shape = plan_input_shape(plan, 0);
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    state->shape = shape;
    state->groups = (shape.c + CHANNELS - 1) / CHANNELS;
    state->precision = plan->backend->precision;
    state->threads = plan->backend->threads;
    for (unsigned i = 0; i < PYRAMID_GRIDS; i++) {
        if (!make_matrices(&state->tall[i], shape.h, pyramid_cells(i), error) ||
            !make_matrices(&state->wide[i], shape.w, pyramid_cells(i), error)) {
            release(state);
            return false;
        }
    }
    // The group's pixels and their sum; rows and cells of the grid.
    state->workspace = (2 * shape.h * shape.w + PYRAMID_MAX_CELLS * shape.w +
                        PYRAMID_MAX_CELLS * PYRAMID_MAX_CELLS) *
                       CHANNELS;
    plan->scratch = (size_t)state->threads * state->workspace * sizeof(float);
    plan->state = state;
    return true;
}

// sum (h x w pixels) += one grid's up down x.
static void add_grid(const struct state *state, size_t cells, const struct matrices *tall,
                     const struct matrices *wide, const float *x, float *workspace, float *sum) {
    const size_t h = state->shape.h;
    const size_t w = state->shape.w;
    float *rows = workspace; // cells x w
    float *grid = workspace + PYRAMID_MAX_CELLS * w * CHANNELS;
    memset(rows, 0, cells * w * CHANNELS * sizeof *rows);
    memset(grid, 0, cells * cells * CHANNELS * sizeof *grid);
    for (size_t cell = 0; cell < cells; cell++) {
        for (size_t y = 0; y < h; y++) {
            const float weight = tall->down[cell * h + y];
            if (weight > 0) {
                cpu_add_multiple(x + y * w * CHANNELS, weight, w * CHANNELS,
                                 rows + cell * w * CHANNELS);
            }
        }
        for (size_t other = 0; other < cells; other++) {
            for (size_t i = 0; i < w; i++) {
                cpu_add_multiple(rows + (cell * w + i) * CHANNELS, wide->down[other * w + i],
                                 CHANNELS, grid + (cell * cells + other) * CHANNELS);
            }
        }
    }
    memset(rows, 0, cells * w * CHANNELS * sizeof *rows);
    for (size_t cell = 0; cell < cells; cell++) {
        for (size_t other = 0; other < cells; other++) {
            for (size_t i = 0; i < w; i++) {
                cpu_add_multiple(grid + (cell * cells + other) * CHANNELS, wide->up[other * w + i],
                                 CHANNELS, rows + (cell * w + i) * CHANNELS);
            }
        }
        for (size_t y = 0; y < h; y++) {
            const float weight = tall->up[cell * h + y];
            if (weight > 0) {
                cpu_add_multiple(rows + cell * w * CHANNELS, weight, w * CHANNELS,
                                 sum + y * w * CHANNELS);
            }
        }
    }
}

// Transposed: up and down exchanged.
static struct matrices transpose(struct matrices matrices) {
    return (struct matrices){matrices.up, matrices.down};
}

static void run_group(const struct state *state, const void *from, void *to, bool add,
                      bool transposed, size_t index, float *workspace) {
    const struct shape s = state->shape;
    const size_t pixels = s.h * s.w;
    const size_t image = index / state->groups;
    const size_t channel = index % state->groups * CHANNELS;
    const size_t count = s.c - channel < CHANNELS ? s.c - channel : CHANNELS;
    float *x = workspace;
    float *sum = workspace + pixels * CHANNELS;
    memset(workspace, 0, 2 * pixels * CHANNELS * sizeof *workspace);
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        const size_t offset = (image * pixels + pixel) * s.c + channel;
        float temporary[CHANNELS];
        memcpy(x + pixel * CHANNELS, cpu_read(state->precision, from, offset, count, temporary),
               count * sizeof *x);
    }
    for (unsigned i = 0; i < PYRAMID_GRIDS; i++) {
        const struct matrices tall = transposed ? transpose(state->tall[i]) : state->tall[i];
        const struct matrices wide = transposed ? transpose(state->wide[i]) : state->wide[i];
        add_grid(state, pyramid_cells(i), &tall, &wide, x, workspace + 2 * pixels * CHANNELS, sum);
    }
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        const size_t offset = (image * pixels + pixel) * s.c + channel;
        float temporary[CHANNELS];
        float *out = cpu_target(state->precision, to, offset, count, add, temporary);
        for (size_t c = 0; c < count; c++) {
            out[c] += sum[pixel * CHANNELS + c];
        }
        cpu_write(state->precision, to, offset, count, out);
    }
}

static void run(const struct state *state, const void *from, void *to, bool add, bool transposed,
                float *scratch) {
    const size_t groups = state->shape.n * state->groups;
    const size_t threads = (size_t)state->threads;
#pragma omp parallel for schedule(static, 1) num_threads(state->threads)
    for (size_t t = 0; t < threads; t++) {
        for (size_t i = groups * t / threads; i < groups * (t + 1) / threads; i++) {
            run_group(state, from, to, add, transposed, i, scratch + t * state->workspace);
        }
    }
}

static void forward(const struct call *call) {
    run(call->state, call->in[0], call->out, false, false, call->scratch);
}

static void backward(const struct call *call) {
    run(call->state, call->out_gradient, call->in_gradient[0], call->add[0], true, call->scratch);
}

const struct kernel pyramid_pool_cpu = {plan, forward, backward, release, NULL};
