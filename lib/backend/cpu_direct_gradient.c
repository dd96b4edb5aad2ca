// The weights' gradient of direct convolutions: for every kernel row, products of windows and
// outputs' gradients, summed over pixels. Output rows are summed in parts that depend on the
// layer alone, and the parts joined in order.
#include "backend/cpu_direct_window.h"

#include <omp.h>
#include <string.h>

#define PARTS_FLOATS ((size_t)1 << 22) // of all parts, unless one has more
#define MOST_PARTS ((size_t)16)
#define GROUP ((size_t)4) // panels of a thread's item

static size_t parts_of(const struct sweep *sweep) {
    const size_t fit = PARTS_FLOATS / sweep_weights_size(sweep);
    const size_t most = fit < 1 ? 1 : fit > MOST_PARTS ? MOST_PARTS : fit;
    const size_t rows = sweep->images * sweep->rows;
    return rows < most ? rows : most;
}

// Floats of a thread: one row of the input and one of the output's gradient.
static size_t row_floats(const struct sweep *sweep) {
    return sweep->width * sweep->channels + sweep->out_row;
}

size_t sweep_gradient_scratch(const struct sweep *sweep) {
    return (parts_of(sweep) * sweep_weights_size(sweep) +
            (size_t)sweep->threads * row_floats(sweep)) *
           sizeof(float);
}

// Adds one output row's products with one kernel row: (panel, kernel column and channel, lane).
static void add_row(const struct sweep *sweep, const struct edges *edges, size_t panels,
                    const float *from, const float *gradient, float *sums) {
    const size_t channels = sweep->channels;
    const size_t inner = sweep->kernel_width * channels;
    struct span span;
    for (size_t x = 0; x < sweep->columns; x += span.columns) {
        span = span_at(sweep, edges, x);
        const struct cpu_f32_a pixels = {from + span.window.pixel * channels, 1,
                                         sweep->stride_x * channels};
        for (size_t panel = 0; span.window.taps > 0 && panel < panels; panel++) {
            const struct cpu_f32_b outputs = {gradient + x * sweep->out_pixel + panel * PANEL, 0,
                                              sweep->out_pixel};
            cpu_f32_gemm(span.window.taps * channels, 1, span.columns, pixels, outputs, true,
                         sums + (panel * inner + span.window.tap * channels) * PANEL, PANEL);
        }
    }
}

// A part's sums in some panels with one kernel row.
static void add_part(const struct sweep *sweep, size_t part, size_t tap, size_t panel,
                     size_t panels, const void *input, const void *gradient, float *sums,
                     float *room) {
    const struct edges edges = edges_of(sweep);
    const size_t numbers = sweep->width * sweep->channels; // of a row
    const size_t rows = sweep->images * sweep->rows;
    const size_t parts = parts_of(sweep);
    memset(sums, 0, panels * sweep->kernel_width * sweep->channels * PANEL * sizeof *sums);
    for (size_t row = part * rows / parts; row < (part + 1) * rows / parts; row++) {
        const size_t image = row / sweep->rows;
        const size_t y = row % sweep->rows;
        const ptrdiff_t from = (ptrdiff_t)(y * sweep->stride_y + tap) + sweep->top;
        if (from >= 0 && from < (ptrdiff_t)sweep->height) {
            const float *pixels =
                cpu_read(sweep->precision, input, (image * sweep->height + (size_t)from) * numbers,
                         numbers, room);
            const float *outputs =
                cpu_read(sweep->precision, gradient, image * sweep->out_image + y * sweep->out_row,
                         sweep->out_row, room + numbers);
            add_row(sweep, &edges, panels, pixels, outputs + panel * PANEL, sums);
        }
    }
}

static void join_parts(const struct sweep *sweep, const struct taps *taps, const float *sums,
                       float *gradient) {
    const size_t size = sweep_weights_size(sweep);
    const size_t parts = parts_of(sweep);
    const size_t panels = sweep->out_channels / PANEL;
    const size_t inner = sweep->kernel_width * sweep->channels;
    const size_t lanes = lanes_of(sweep);
#pragma omp for collapse(2) schedule(static)
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t tap = 0; tap < sweep->kernel_height; tap++) {
            const float *from = sums + (tap * panels + panel) * inner * PANEL;
            for (size_t i = 0; i < inner * PANEL; i += lanes) {
                const size_t pixel = i % PANEL / lanes;
                const ptrdiff_t at = weight_at(sweep, taps, tap, i / PANEL, panel, pixel);
                for (size_t lane = i; at >= 0 && lane < i + lanes; lane++) {
                    float sum = from[lane];
                    for (size_t part = 1; part < parts; part++) {
                        sum += from[part * size + lane];
                    }
                    gradient[(size_t)at + (lane - i) * taps->out_step] += sum;
                }
            }
        }
    }
}

void sweep_gradient(const struct sweep *sweep, const struct taps *taps, const void *input,
                    const void *output_gradient, float *gradient, void *scratch) {
    const size_t panels = sweep->out_channels / PANEL;
    const size_t groups = (panels + GROUP - 1) / GROUP;
    const size_t parts = parts_of(sweep);
    const size_t inner = sweep->kernel_width * sweep->channels;
    float *sums = scratch;
    float *rooms = sums + parts * sweep_weights_size(sweep);
#pragma omp parallel num_threads(sweep->threads)
    {
        float *room = rooms + (size_t)omp_get_thread_num() * row_floats(sweep);
#pragma omp for collapse(3) schedule(dynamic)
        for (size_t part = 0; part < parts; part++) {
            for (size_t tap = 0; tap < sweep->kernel_height; tap++) {
                for (size_t group = 0; group < groups; group++) {
                    const size_t first = group * GROUP;
                    const size_t some = panels - first < GROUP ? panels - first : GROUP;
                    add_part(sweep, part, tap, first, some, input, output_gradient,
                             sums + part * sweep_weights_size(sweep) +
                                 (tap * panels + first) * inner * PANEL,
                             room);
                }
            }
        }
        join_parts(sweep, taps, sums, gradient);
    }
}
