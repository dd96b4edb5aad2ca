// The weights' gradient of direct convolutions: for every kernel row, products of windows and
// outputs' gradients, summed over pixels. Output rows are summed in parts that depend on the
// layer alone, and the parts joined in order.
#include "ops/convolution/cpu/direct/window.h"

#include <omp.h>
#include <string.h>

#define PARTS_FLOATS ((size_t)1 << 22) // of all parts, unless one has more
#define MOST_PARTS ((size_t)16)
#define GROUP ((size_t)4)           // panels of a thread's item
#define TAPS_FLOATS ((size_t)32768) // of an item's sums, if it has more than one kernel row
#define ROWS ((size_t)4)            // that it reads together then

// Floats of a kernel row, of all panels.
static size_t row_size(const struct sweep *sweep) {
    return sweep->kernel_width * sweep->channels * sweep->out_channels;
}

static size_t parts_of(const struct sweep *sweep) {
    const size_t fit = PARTS_FLOATS / sweep_weights_size(sweep);
    const size_t most = fit < 1 ? 1 : fit > MOST_PARTS ? MOST_PARTS : fit;
    const size_t rows = sweep->images * sweep->rows;
    return rows > most ? most : rows > 0 ? rows : 1;
}

// Kernel rows of an item: all, if their sums are few. They read the same rows, which bf16 has to
// convert for each item.
static size_t taps_of(const struct sweep *sweep) {
    const size_t panels = sweep->out_channels / PANEL;
    const size_t floats = sweep_weights_size(sweep) / panels * (panels < GROUP ? panels : GROUP);
    return floats <= TAPS_FLOATS ? sweep->kernel_height : 1;
}

// Output rows that are read together, and the rows of input that they are made from.
static size_t rows_together(const struct sweep *sweep) {
    return taps_of(sweep) > 1 ? ROWS : 1;
}

static size_t input_rows(const struct sweep *sweep) {
    return (rows_together(sweep) - 1) * sweep->stride_y + taps_of(sweep);
}

static size_t room_floats(const struct sweep *sweep) {
    return input_rows(sweep) * sweep->width * sweep->channels +
           rows_together(sweep) * sweep->out_row;
}

size_t sweep_gradient_scratch(const struct sweep *sweep) {
    return (parts_of(sweep) * sweep_weights_size(sweep) +
            (size_t)sweep->threads * room_floats(sweep)) *
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
        const struct cpu_f32_b outputs = {gradient + x * sweep->out_pixel, PANEL, sweep->out_pixel};
        const struct cpu_f32_c to = {sums + span.window.tap * channels * PANEL, PANEL,
                                     inner * PANEL};
        if (span.window.taps > 0) {
            cpu_f32_gemm(span.window.taps * channels, panels, span.columns, pixels, outputs, true,
                         to);
        }
    }
}

// What a thread sums: in some kernel rows and panels.
struct item {
    size_t tap, taps, panel, panels;
    float *sums; // of the first kernel row: (panel, kernel column and channel, lane)
};

// Adds `count` output rows of an image from row `first` on.
static void add_rows(const struct sweep *sweep, const struct item *item, size_t image, size_t first,
                     size_t count, const void *input, const void *gradient, float *room) {
    const struct edges edges = edges_of(sweep);
    const size_t numbers = sweep->width * sweep->channels; // of a row
    const size_t step = row_size(sweep);
    const ptrdiff_t height = (ptrdiff_t)sweep->height;
    const ptrdiff_t top = (ptrdiff_t)(first * sweep->stride_y + item->tap) + sweep->top;
    const ptrdiff_t end = top + (ptrdiff_t)((count - 1) * sweep->stride_y + item->taps);
    const ptrdiff_t from = top < 0 ? 0 : top;
    const ptrdiff_t to = end < height ? end : height;
    if (to <= from) {
        return;
    }
    const float *outputs =
        cpu_read(sweep->precision, gradient, image * sweep->out_image + first * sweep->out_row,
                 count * sweep->out_row, room);
    const float *pixels =
        cpu_read(sweep->precision, input, (image * sweep->height + (size_t)from) * numbers,
                 (size_t)(to - from) * numbers, room + rows_together(sweep) * sweep->out_row);
    for (size_t y = 0; y < count; y++) {
        for (size_t tap = 0; tap < item->taps; tap++) {
            const ptrdiff_t row = top + (ptrdiff_t)(y * sweep->stride_y + tap);
            if (row >= from && row < to) {
                add_row(sweep, &edges, item->panels, pixels + (size_t)(row - from) * numbers,
                        outputs + y * sweep->out_row + item->panel * PANEL,
                        item->sums + tap * step);
            }
        }
    }
}

static size_t least(size_t one, size_t other) {
    return one < other ? one : other;
}

static void add_part(const struct sweep *sweep, const struct item *item, size_t part,
                     const void *input, const void *gradient, float *room) {
    const size_t height = sweep->rows;
    const size_t parts = parts_of(sweep);
    const size_t first = part * sweep->images * height / parts; // of all images' rows
    const size_t last = (part + 1) * sweep->images * height / parts;
    const size_t floats = item->panels * sweep->kernel_width * sweep->channels * PANEL;
    for (size_t tap = 0; tap < item->taps; tap++) {
        memset(item->sums + tap * row_size(sweep), 0, floats * sizeof(float));
    }
    for (size_t image = 0; image < sweep->images; image++) {
        const size_t begin = image * height;
        const size_t end = least(last, begin + height);
        for (size_t row = first > begin ? first : begin; row < end; row += rows_together(sweep)) {
            add_rows(sweep, item, image, row - begin, least(rows_together(sweep), end - row), input,
                     gradient, room);
        }
    }
}

// Adds a tap's sums to the gradient; those of the parts lie `step` floats apart.
static void join_tap(const struct sweep *sweep, const struct taps *taps, const struct tap *tap,
                     const float *from, size_t parts, size_t step, float *gradient) {
    const size_t lanes = lanes_of(sweep);
    float sums[PANEL] = {0};
    for (size_t part = 0; part < parts; part++) {
        for (size_t i = 0; i < PANEL; i++) {
            sums[i] += from[part * step + i];
        }
    }
    for (size_t pixel = 0; pixel < sweep->pixels; pixel++) {
        const ptrdiff_t at = weight_at(sweep, taps, tap, pixel);
        for (size_t i = 0; at >= 0 && i < lanes; i++) {
            gradient[(size_t)at + i * taps->out_step] += sums[pixel * lanes + i];
        }
    }
}

// Panels do not share weights, so threads do not meet; the two pixels of a panel do.
static void join_parts(const struct sweep *sweep, const struct taps *taps, const float *sums,
                       float *gradient) {
    const size_t size = sweep_weights_size(sweep);
    const size_t parts = parts_of(sweep);
    const size_t panels = sweep->out_channels / PANEL;
#pragma omp for collapse(2) schedule(static)
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t y = 0; y < sweep->kernel_height; y++) {
            const float *from = sums + y * row_size(sweep) + panel * (row_size(sweep) / panels);
            for (size_t x = 0; x < sweep->kernel_width; x++) {
                for (size_t c = 0; c < sweep->channels; c++) {
                    const struct tap tap = {y, x, c, panel};
                    join_tap(sweep, taps, &tap, from, parts, size, gradient);
                    from += PANEL;
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
    const size_t taps_together = taps_of(sweep);
    float *sums = scratch;
    float *rooms = sums + parts * sweep_weights_size(sweep);
#pragma omp parallel num_threads(sweep->threads)
    {
        float *room = rooms + (size_t)omp_get_thread_num() * room_floats(sweep);
#pragma omp for collapse(3) schedule(dynamic)
        for (size_t part = 0; part < parts; part++) {
            for (size_t tap = 0; tap < sweep->kernel_height; tap += taps_together) {
                for (size_t group = 0; group < groups; group++) {
                    const size_t first = group * GROUP;
                    const size_t left = panels - first;
                    const struct item item = {tap, taps_together, first,
                                              left < GROUP ? left : GROUP,
                                              sums + part * sweep_weights_size(sweep) +
                                                  (tap * panels + first) * inner * PANEL};
                    add_part(sweep, &item, part, input, output_gradient, room);
                }
            }
        }
        join_parts(sweep, taps, sums, gradient);
    }
}
