// The weights' gradient of direct convolutions: for every window row, products of windows and
// outputs' gradients, summed over pixels. Output rows are summed in parts that depend on the
// layer alone, and the parts joined in order.
#include "core/numbers/size.h"
#include "ops/convolution/cpu/direct/window.h"

#include <omp.h>
#include <string.h>

#define PARTS_FLOATS ((size_t)1 << 22) // of all parts, unless one has more
#define MAX_PARTS ((size_t)16)
#define GROUP ((size_t)4)           // panels of a thread's item
#define TAPS_FLOATS ((size_t)32768) // of an item's sums, if it has more than one window row
#define ROWS ((size_t)4)            // that it reads together then
#define ROW_FLOATS ((size_t)10240)  // of a row of pixels that stays in the first-level cache
#define WIDE ((size_t)32)           // channels that are worth a product for each tap

// Floats of a window row, of all panels.
static size_t row_size(const struct phase_plan *plan) {
    return plan->window_width * plan->channels * plan->out_channels;
}

static size_t parts_of(const struct phase_plan *plan) {
    const size_t fit = PARTS_FLOATS / direct_weights_size(plan);
    const size_t limit = fit < 1 ? 1 : fit > MAX_PARTS ? MAX_PARTS : fit;
    const size_t rows = plan->images * plan->rows;
    return rows > limit ? limit : rows > 0 ? rows : 1;
}

// Window rows of an item: all, if their sums are few. They read the same rows, which bf16 has to
// convert for each item.
static size_t taps_of(const struct phase_plan *plan) {
    const size_t panels = plan->out_channels / PANEL;
    const size_t floats = direct_weights_size(plan) / panels * (panels < GROUP ? panels : GROUP);
    return floats <= TAPS_FLOATS ? plan->window_height : 1;
}

// Output rows that are read together, and the rows of input that they come from.
static size_t rows_together(const struct phase_plan *plan) {
    return taps_of(plan) > 1 ? ROWS : 1;
}

static size_t input_rows(const struct phase_plan *plan) {
    return (rows_together(plan) - 1) * plan->stride_y + taps_of(plan);
}

static size_t thread_floats(const struct phase_plan *plan) {
    return input_rows(plan) * plan->width * plan->channels + rows_together(plan) * plan->out_row;
}

size_t direct_gradient_workspace(const struct phase_plan *plan) {
    return (parts_of(plan) * direct_weights_size(plan) +
            (size_t)plan->threads * thread_floats(plan)) *
           sizeof(float);
}

// Columns whose products are made at once. One panel asks for little else than pixels: a row that
// the first-level cache does not hold would come from the second for every few channels. The bytes
// are the same.
static size_t columns_together(const struct phase_plan *plan, size_t panels, size_t columns) {
    return panels == 1 && columns * plan->stride_x * plan->channels > ROW_FLOATS ? CPU_F32_PART
                                                                                 : columns;
}

// Adds one output row's products with some taps of a window row, of the output columns from x on.
static void add_taps(const struct phase_plan *plan, struct window window, size_t x, size_t columns,
                     size_t panels, const float *from, const float *gradient, float *sums) {
    const size_t channels = plan->channels;
    const size_t step = plan->stride_x * channels;
    const size_t together = columns_together(plan, panels, columns);
    const struct cpu_f32_c to = {sums + window.tap * channels * PANEL, PANEL,
                                 plan->window_width * channels * PANEL};
    for (size_t first = 0; window.taps > 0 && first < columns; first += together) {
        const size_t left = columns - first;
        const struct cpu_f32_a pixels = {from + window.pixel * channels + first * step, 1, step};
        const struct cpu_f32_b outputs = {gradient + (x + first) * plan->out_pixel, PANEL,
                                          plan->out_pixel};
        cpu_f32_gemm(window.taps * channels, panels, left < together ? left : together, pixels,
                     outputs, true, to);
    }
}

// Adds one output row's products with one window row: (panel, window column and channel, lane).
// Of few channels, whole windows at once; columns at the edges one by one.
static void add_row(const struct phase_plan *plan, const struct edges *edges, size_t panels,
                    const float *from, const float *gradient, float *sums) {
    if (plan->channels >= WIDE) {
        for (size_t tap = 0; tap < plan->window_width; tap++) {
            const struct reached reached = reached_by(plan, tap);
            add_taps(plan, (struct window){tap, reached.pixel, 1}, reached.first, reached.columns,
                     panels, from, gradient, sums);
        }
        return;
    }
    struct span span;
    for (size_t x = 0; x < plan->columns; x += span.columns) {
        span = span_at(plan, edges, x);
        add_taps(plan, span.window, x, span.columns, panels, from, gradient, sums);
    }
}

// What a thread sums at once: a few window rows of a few panels.
struct item {
    size_t tap, taps, panel, panels;
    float *sums; // of the first window row: (panel, window column and channel, lane)
};

// Adds `count` output rows of an image from row `first` on.
static void add_rows(const struct phase_plan *plan, const struct item *item, size_t image,
                     size_t first, size_t count, const void *input, const void *gradient,
                     float *rows) {
    const struct edges edges = edges_of(plan);
    const size_t numbers = plan->width * plan->channels; // of a row
    const size_t step = row_size(plan);
    const ptrdiff_t height = (ptrdiff_t)plan->height;
    const ptrdiff_t top = (ptrdiff_t)(first * plan->stride_y + item->tap) + plan->top;
    const ptrdiff_t end = top + (ptrdiff_t)((count - 1) * plan->stride_y + item->taps);
    const ptrdiff_t from = top < 0 ? 0 : top;
    const ptrdiff_t to = end < height ? end : height;
    if (to <= from) {
        return;
    }
    const float *outputs =
        cpu_read(plan->precision, gradient, image * plan->out_image + first * plan->out_row,
                 count * plan->out_row, rows);
    const float *pixels =
        cpu_read(plan->precision, input, (image * plan->height + (size_t)from) * numbers,
                 (size_t)(to - from) * numbers, rows + rows_together(plan) * plan->out_row);
    for (size_t y = 0; y < count; y++) {
        for (size_t tap = 0; tap < item->taps; tap++) {
            const ptrdiff_t row = top + (ptrdiff_t)(y * plan->stride_y + tap);
            if (row >= from && row < to) {
                add_row(plan, &edges, item->panels, pixels + (size_t)(row - from) * numbers,
                        outputs + y * plan->out_row + item->panel * PANEL, item->sums + tap * step);
            }
        }
    }
}

static void add_part(const struct phase_plan *plan, const struct item *item, size_t part,
                     const void *input, const void *gradient, float *rows) {
    const size_t height = plan->rows;
    const size_t parts = parts_of(plan);
    const size_t first = part * plan->images * height / parts; // of all images' rows
    const size_t last = (part + 1) * plan->images * height / parts;
    const size_t floats = item->panels * plan->window_width * plan->channels * PANEL;
    for (size_t tap = 0; tap < item->taps; tap++) {
        memset(item->sums + tap * row_size(plan), 0, floats * sizeof(float));
    }
    for (size_t image = 0; image < plan->images; image++) {
        const size_t begin = image * height;
        const size_t end = size_min(last, begin + height);
        for (size_t row = first > begin ? first : begin; row < end; row += rows_together(plan)) {
            add_rows(plan, item, image, row - begin, size_min(rows_together(plan), end - row),
                     input, gradient, rows);
        }
    }
}

// Adds a tap's sums to the gradient; those of the parts lie `step` floats apart.
static void join_tap(const struct phase_plan *plan, const struct tap *tap, const float *from,
                     size_t parts, size_t step, float *gradient) {
    const size_t lanes = lanes_of(plan);
    float sums[PANEL] = {0};
    for (size_t part = 0; part < parts; part++) {
        for (size_t i = 0; i < PANEL; i++) {
            sums[i] += from[part * step + i];
        }
    }
    for (size_t pixel = 0; pixel < plan->pixels; pixel++) {
        const ptrdiff_t offset = weight_offset(plan, tap, pixel);
        for (size_t i = 0; offset >= 0 && i < lanes; i++) {
            gradient[(size_t)offset + i * plan->taps.out_step] += sums[pixel * lanes + i];
        }
    }
}

// Panels share no weights, so no two threads add to one; the two pixels of a panel do, in order.
static void join_parts(const struct phase_plan *plan, const float *sums, float *gradient) {
    const size_t size = direct_weights_size(plan);
    const size_t parts = parts_of(plan);
    const size_t panels = plan->out_channels / PANEL;
#pragma omp for collapse(2) schedule(static)
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t y = 0; y < plan->window_height; y++) {
            const float *from = sums + y * row_size(plan) + panel * (row_size(plan) / panels);
            for (size_t x = 0; x < plan->window_width; x++) {
                for (size_t c = 0; c < plan->channels; c++) {
                    const struct tap tap = {y, x, c, panel};
                    join_tap(plan, &tap, from, parts, size, gradient);
                    from += PANEL;
                }
            }
        }
    }
}

void direct_weight_gradient(const struct phase_plan *plan, const void *input,
                            const void *output_gradient, float *gradient, void *workspace) {
    const size_t panels = plan->out_channels / PANEL;
    const size_t groups = (panels + GROUP - 1) / GROUP;
    const size_t parts = parts_of(plan);
    const size_t inner = plan->window_width * plan->channels;
    const size_t taps_together = taps_of(plan);
    float *sums = workspace;
    float *rows = sums + parts * direct_weights_size(plan);
#pragma omp parallel num_threads(plan->threads)
    {
        float *thread_rows = rows + (size_t)omp_get_thread_num() * thread_floats(plan);
#pragma omp for collapse(3) schedule(dynamic)
        for (size_t part = 0; part < parts; part++) {
            for (size_t tap = 0; tap < plan->window_height; tap += taps_together) {
                for (size_t group = 0; group < groups; group++) {
                    const size_t first = group * GROUP;
                    const size_t left = panels - first;
                    const struct item item = {tap, taps_together, first,
                                              left < GROUP ? left : GROUP,
                                              sums + part * direct_weights_size(plan) +
                                                  (tap * panels + first) * inner * PANEL};
                    add_part(plan, &item, part, input, output_gradient, thread_rows);
                }
            }
        }
        join_parts(plan, sums, gradient);
    }
}
