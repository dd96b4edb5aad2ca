// The forward pass of layers with one output channel, such as heads: a window's row is one run of
// numbers, and lanes sum its products with the weights' run.
#include "core/simd.h"
#include "ops/convolution/cpu/epilogue.h"
#include "ops/convolution/cpu/method.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define LANES ((size_t)8)
#define TOGETHER ((size_t)4) // pixels that a run of weights is read for once

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

struct state {
    struct convolution_problem problem;
    float *weights; // (window row, window column, input channel)
};

static bool accepts(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    return problem->pass == CONVOLUTION_FORWARD && problem->processor.f32_products &&
           shape->out_channels == 1 && shape->groups == 1 && shape->channels % LANES == 0;
}

// ---- planning. A thread's workspace: a row of output, and of bf16 the rows of a window as floats.

static size_t output_bytes(const struct convolution_shape *shape) {
    return workspace_part(shape->out_width * sizeof(float));
}

static size_t row_workspace(const void *planned) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    const size_t widened =
        (shape->window * shape->width * shape->channels + shape->out_width) * sizeof(float);
    return output_bytes(shape) +
           (state->problem.precision == PRECISION_F32 ? 0 : workspace_part(widened));
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    void *weights = NULL;
    struct state *state = convolution_state_alloc(
        sizeof *state, convolution_weights(&problem->shape) * sizeof(float), &weights, error);
    (void)backend;
    if (state != NULL) {
        *state = (struct state){*problem, weights};
        *workspace = (size_t)problem->threads * row_workspace(state);
    }
    return state;
}

static void prepare(void *planned, const float *weights) {
    struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    const size_t square = shape->window * shape->window;
    for (size_t tap = 0; tap < square; tap++) {
        for (size_t c = 0; c < shape->channels; c++) {
            state->weights[tap * shape->channels + c] = weights[c * square + tap];
        }
    }
}

// ---- sums

// What a pixel is made of: `rows` runs of `count` numbers, and of weights; steps in floats.
struct runs {
    const float *from, *weights;
    size_t rows, count, row_step, weights_step, pixel_step;
};

__attribute__((always_inline)) static inline void multiply(const struct runs *runs, size_t first,
                                                           size_t pixels, float *out) {
    lanes sums[TOGETHER] = {{0}};
    for (size_t y = 0; y < runs->rows; y++) {
        const float *from = runs->from + y * runs->row_step + first * runs->pixel_step;
        const float *weights = runs->weights + y * runs->weights_step;
        for (size_t i = 0; i < runs->count; i += LANES) {
            const lanes weight = *(const lanes *)(weights + i);
            for (size_t p = 0; p < pixels; p++) {
                sums[p] += *(const lanes *)(from + p * runs->pixel_step + i) * weight;
            }
        }
    }
    for (size_t p = 0; p < pixels; p++) {
        const lanes s = sums[p];
        out[first + p] = ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
    }
}

VECTORISED static void multiply_all(const struct runs *runs, size_t pixels, float *out) {
    size_t pixel = 0;
    for (; pixel + TOGETHER <= pixels; pixel += TOGETHER) {
        multiply(runs, pixel, TOGETHER, out);
    }
    for (; pixel < pixels; pixel++) {
        multiply(runs, pixel, 1, out);
    }
}

// The part of a window that lies inside of `side` pixels: taps from `first` on, before `end`.
struct inside {
    size_t first, end;
};

static struct inside inside(const struct convolution_shape *shape, size_t output, size_t side) {
    const size_t top = output * shape->stride; // of the image with its border
    const size_t first = top < shape->pad ? shape->pad - top : 0;
    const size_t below = side + shape->pad - top;
    const size_t end = side + shape->pad < top ? 0 : below;
    return (struct inside){first, end < shape->window ? end : shape->window};
}

// A row of output; `rows`: the first input row that its windows reach, as floats.
static void sum_row(const struct state *state, const float *rows, const struct inside *taps,
                    float *out) {
    const struct convolution_shape *shape = &state->problem.shape;
    const size_t channels = shape->channels;
    for (size_t x = 0, pixels; x < shape->out_width; x += pixels) {
        const struct inside across = inside(shape, x, shape->width);
        const bool whole = across.first == 0 && across.end == shape->window;
        pixels = 1;
        while (whole && x + pixels < shape->out_width &&
               inside(shape, x + pixels, shape->width).end == shape->window) {
            pixels++;
        }
        const bool any = taps->first < taps->end && across.first < across.end;
        const struct runs runs = {
            .from = rows + (any ? x * shape->stride + across.first - shape->pad : 0) * channels,
            .weights = state->weights + (taps->first * shape->window + across.first) * channels,
            .rows = any ? taps->end - taps->first : 0,
            .count = any ? (across.end - across.first) * channels : 0,
            .row_step = shape->width * channels,
            .weights_step = shape->window * channels,
            .pixel_step = shape->stride * channels};
        multiply_all(&runs, pixels, out + x);
    }
}

// ---- the pass

static void end_row(const struct state *state, const struct epilogue *epilogue, const float *before,
                    float *row) {
    for (size_t x = 0; x < state->problem.shape.out_width; x++) {
        float sum = row[x] + (epilogue->bias != NULL ? epilogue->bias[0] : 0.0F);
        sum += before != NULL ? before[x] : 0.0F;
        row[x] = epilogue->relu && sum < 0 ? 0 : sum; // NaN stays
    }
}

static void forward_rows(void *planned, const void *input, const float *bias, void *output,
                         struct convolution_rows rows, void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    const enum precision precision = state->problem.precision;
    const struct epilogue epilogue = {bias, shape->sum, shape->relu};
    float *row = workspace;
    float *widened = (float *)(void *)((char *)workspace + output_bytes(shape));
    for (size_t y = rows.first; y < rows.end; y++) {
        const struct inside taps = inside(shape, y, shape->height);
        const size_t of_row = shape->width * shape->channels;
        const size_t at = (rows.image * shape->out_height + y) * shape->out_width;
        const size_t count = taps.first < taps.end ? taps.end - taps.first : 0;
        const size_t top = count > 0 ? y * shape->stride + taps.first - shape->pad : 0;
        const float *from = cpu_read(precision, input, (rows.image * shape->height + top) * of_row,
                                     count * of_row, widened);
        sum_row(state, from, &taps, row);
        const float *before =
            shape->sum ? cpu_read(precision, output, at, shape->out_width, widened) : NULL;
        end_row(state, &epilogue, before, row);
        if (precision == PRECISION_F32) {
            memcpy((float *)output + at, row, shape->out_width * sizeof *row);
        }
        cpu_write(precision, output, at, shape->out_width, row);
    }
}

static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    const size_t bytes = row_workspace(planned);
#pragma omp parallel for collapse(2) schedule(static) num_threads(state->problem.threads)
    for (size_t image = 0; image < shape->images; image++) {
        for (size_t y = 0; y < shape->out_height; y++) {
            forward_rows(planned, input, bias, output, (struct convolution_rows){image, y, y + 1},
                         (char *)workspace + (size_t)omp_get_thread_num() * bytes);
        }
    }
}

const struct convolution_method convolution_single = {.name = "single",
                                                      .accepts = accepts,
                                                      .plan = plan,
                                                      .release = free,
                                                      .prepare = prepare,
                                                      .forward = forward,
                                                      .forward_rows = forward_rows,
                                                      .row_workspace = row_workspace};
