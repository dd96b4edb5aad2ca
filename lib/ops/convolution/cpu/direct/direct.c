// Direct convolution: geometry, weights in panels, and the products over output rows.
#include "ops/convolution/cpu/direct/direct.h"

#include "backend/cpu/products/f32.h"
#include "core/simd.h"
#include "ops/convolution/cpu/direct/window.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#define ITEM_PIXELS ((size_t)96)    // of a thread's item, at least: weights are read once for them
#define MIN_ITEMS ((size_t)8)       // of an image
#define ITEM_FLOATS ((size_t)98304) // of bf16: more rows, while they fit into the cache as floats

// ---- planning

// Out channels of 8 go by two pixels.
bool direct_complete(struct phase_plan *plan) {
    if (plan->out_channels % PANEL == 0) {
        return true;
    }
    if (plan->out_channels * 2 != PANEL || plan->columns % 2 != 0 ||
        plan->out_pixel != plan->out_channels) {
        return false;
    }
    plan->pixels = 2;
    plan->out_channels *= 2;
    plan->out_pixel *= 2;
    plan->columns /= 2;
    plan->window_width += plan->stride_x;
    plan->stride_x *= 2;
    return true;
}

// ---- weights

size_t direct_weights_size(const struct phase_plan *plan) {
    return plan->window_height * plan->window_width * plan->channels * plan->out_channels;
}

static void pack_tap(const struct phase_plan *plan, const struct tap *tap, const float *weights,
                     float *to) {
    const size_t lanes = lanes_of(plan);
    for (size_t pixel = 0; pixel < plan->pixels; pixel++) {
        const ptrdiff_t offset = weight_offset(plan, tap, pixel);
        for (size_t i = 0; i < lanes; i++) {
            to[pixel * lanes + i] =
                offset < 0 ? 0 : weights[(size_t)offset + i * plan->taps.out_step];
        }
    }
}

void direct_pack_weights(const struct phase_plan *plan, const float *weights, float *packed) {
    const size_t panels = plan->out_channels / PANEL;
#pragma omp parallel for collapse(3) schedule(static) num_threads(plan->threads)
    for (size_t y = 0; y < plan->window_height; y++) {
        for (size_t panel = 0; panel < panels; panel++) {
            for (size_t x = 0; x < plan->window_width; x++) {
                float *to = packed + ((y * panels + panel) * plan->window_width + x) *
                                         plan->channels * PANEL;
                for (size_t c = 0; c < plan->channels; c++) {
                    const struct tap tap = {y, x, c, panel};
                    pack_tap(plan, &tap, weights, to + c * PANEL);
                }
            }
        }
    }
}

// ---- rows of output

#define TOGETHER ((size_t)512) // channels: pixels of many lie too far apart to be visited for each

// Of some panels, one pixel after the other. What is added is an array of its own: with a bias that
// may lie in the row, lanes would not become vectors.
__attribute__((always_inline)) static inline void end_panels(const struct phase_plan *plan,
                                                             const float *added, size_t channels,
                                                             float least, float *row) {
    for (size_t x = 0; x < plan->columns; x++) {
        float *pixel = row + x * plan->out_pixel;
        for (size_t c = 0; c < channels; c += PANEL) {
            for (size_t i = c; i < c + PANEL; i++) {
                const float sum = pixel[i] + added[i];
                pixel[i] = sum < least ? least : sum;
            }
        }
    }
}

VECTORISED static void end_row(const struct phase_plan *plan, struct epilogue epilogue,
                               float *row) {
    const size_t own = plan->out_channels / plan->pixels;
    const float least = epilogue.relu ? 0.0F : -INFINITY;
    for (size_t first = 0; first < plan->out_channels; first += TOGETHER) {
        const size_t left = plan->out_channels - first;
        const size_t count = left < TOGETHER ? left : TOGETHER;
        float added[TOGETHER];
        size_t c = first % own;
        for (size_t i = 0; i < count; i++) {
            added[i] = epilogue.bias != NULL ? epilogue.bias[c] : 0.0F;
            c = c + 1 < own ? c + 1 : 0;
        }
        if (count == PANEL) {
            end_panels(plan, added, PANEL, least, row + first);
        } else {
            end_panels(plan, added, count, least, row + first);
        }
    }
}

// Makes what one window row gives to one output row in some panels, or adds it to what is there;
// `weights`: of both.
static void take_window_row(const struct phase_plan *plan, const struct edges *edges,
                            const float *from, const float *weights, size_t panels, bool add,
                            float *row) {
    const size_t channels = plan->channels;
    const size_t panel_step = plan->window_width * channels * PANEL;
    struct span span;
    for (size_t x = 0; x < plan->columns; x += span.columns) {
        span = span_at(plan, edges, x);
        const struct cpu_f32_a pixels = {from + span.window.pixel * channels,
                                         plan->stride_x * channels, 1};
        const struct cpu_f32_b taps = {weights + span.window.tap * channels * PANEL, panel_step,
                                       PANEL};
        cpu_f32_gemm(span.columns, panels, span.window.taps * channels, pixels, taps, add,
                     (struct cpu_f32_c){row + x * plan->out_pixel, plan->out_pixel, PANEL});
    }
}

// The window rows of an output row that lie inside: from `first` on, before `end`.
struct taps_inside {
    size_t first, end;
};

static struct taps_inside taps_inside(const struct phase_plan *plan, size_t y) {
    const ptrdiff_t top = (ptrdiff_t)(y * plan->stride_y) + plan->top;
    const ptrdiff_t below = (ptrdiff_t)plan->height - top;
    const ptrdiff_t window = (ptrdiff_t)plan->window_height;
    const ptrdiff_t first = top < 0 ? -top : 0;
    const ptrdiff_t end = below < window ? below : window;
    return first < end ? (struct taps_inside){(size_t)first, (size_t)end}
                       : (struct taps_inside){0, 0};
}

static void clear_row(const struct phase_plan *plan, float *row) {
    for (size_t x = 0; x < plan->columns; x++) {
        memset(row + x * plan->out_pixel, 0, plan->out_channels * sizeof *row);
    }
}

// All rows of one image, whose first pixels `image` and `output` are, in float32.
static void convolve_rows(const struct phase_plan *plan, const float *image, const float *weights,
                          struct epilogue epilogue, float *output) {
    const struct edges edges = edges_of(plan);
    const size_t panels = plan->out_channels / PANEL;
    const size_t inner = plan->window_width * plan->channels;
    const size_t together = cpu_f32_together();
    for (size_t tap = 0; tap < plan->window_height; tap++) {
        for (size_t panel = 0; panel < panels; panel += together) {
            const size_t count = panels - panel < together ? panels - panel : together;
            for (size_t y = 0; y < plan->rows; y++) {
                const struct taps_inside inside = taps_inside(plan, y);
                if (tap >= inside.first && tap < inside.end) {
                    const size_t from = (size_t)((ptrdiff_t)(y * plan->stride_y + tap) + plan->top);
                    take_window_row(plan, &edges, image + from * plan->width * plan->channels,
                                    weights + (tap * panels + panel) * inner * PANEL, count,
                                    epilogue.sum || tap > inside.first,
                                    output + y * plan->out_row + panel * PANEL);
                }
            }
        }
    }
    for (size_t y = 0; y < plan->rows; y++) {
        const struct taps_inside inside = taps_inside(plan, y);
        if (inside.first == inside.end && !epilogue.sum) {
            clear_row(plan, output + y * plan->out_row);
        }
        if (epilogue.bias != NULL || epilogue.relu) {
            end_row(plan, epilogue, output + y * plan->out_row);
        }
    }
}

// ---- items, a few rows each: what a thread does at once, by a plan of its own

// Floats of rows of output, and of the rows that they are computed from.
static size_t output_floats(const struct phase_plan *plan, size_t rows) {
    return rows * plan->columns * plan->out_channels;
}

static size_t input_floats(const struct phase_plan *plan, size_t rows) {
    return ((rows - 1) * plan->stride_y + plan->window_height) * plan->width * plan->channels;
}

static bool rows_fit(const struct phase_plan *plan, size_t rows) {
    return rows * MIN_ITEMS <= plan->rows &&
           output_floats(plan, rows) + input_floats(plan, rows) <= ITEM_FLOATS;
}

// Neighbours read the same rows, which bf16 has to convert for each.
static size_t rows_of_item(const struct phase_plan *plan) {
    size_t rows = plan->columns > 0 ? (ITEM_PIXELS + plan->columns - 1) / plan->columns : 1;
    while (plan->precision != PRECISION_F32 && rows_fit(plan, rows + 1)) {
        rows++;
    }
    return rows;
}

static size_t item_floats(const struct phase_plan *plan) {
    const size_t rows = rows_of_item(plan);
    return plan->precision == PRECISION_F32 ? 0
                                            : input_floats(plan, rows) + output_floats(plan, rows);
}

size_t direct_workspace(const struct phase_plan *plan) {
    return (size_t)plan->threads * item_floats(plan) * sizeof(float);
}

struct item {
    struct phase_plan plan;      // over the rows that it reads
    size_t input, count, output; // the first number read, how many are, the first one written
};

static struct item item_of(const struct phase_plan *plan, size_t image, size_t row,
                           size_t max_rows) {
    const size_t rows = plan->rows - row < max_rows ? plan->rows - row : max_rows;
    const ptrdiff_t top = (ptrdiff_t)(row * plan->stride_y) + plan->top;
    const ptrdiff_t end = top + (ptrdiff_t)((rows - 1) * plan->stride_y + plan->window_height);
    const ptrdiff_t height = (ptrdiff_t)plan->height;
    const ptrdiff_t from = top < 0 ? 0 : top < height ? top : height;
    const ptrdiff_t to = end < from ? from : end < height ? end : height;
    const size_t numbers = plan->width * plan->channels; // of a row
    struct item item = {*plan, (image * plan->height + (size_t)from) * numbers,
                        (size_t)(to - from) * numbers,
                        image * plan->out_image + row * plan->out_row};
    item.plan.rows = rows;
    item.plan.height = (size_t)(to - from);
    item.plan.top = top - from;
    return item;
}

// Copies an item's output from where it is stored into `packed`, or back: runs of numbers that lie
// together, whole rows or single pixels.
static void move_rows(const struct item *item, void *output, float *packed, bool back) {
    const struct phase_plan *plan = &item->plan;
    const bool whole = plan->out_pixel == plan->out_channels;
    const size_t runs = whole ? 1 : plan->columns;
    const size_t count = whole ? plan->columns * plan->out_channels : plan->out_channels;
    for (size_t y = 0; y < plan->rows; y++) {
        for (size_t run = 0; run < runs; run++) {
            const size_t offset = item->output + y * plan->out_row + run * plan->out_pixel;
            float *numbers = packed + (y * runs + run) * count;
            if (back) {
                cpu_write(plan->precision, output, offset, count, numbers);
            } else {
                (void)cpu_read(plan->precision, output, offset, count, numbers);
            }
        }
    }
}

static void convolve_item(const struct item *item, const void *input, const float *weights,
                          struct epilogue epilogue, void *output, float *workspace) {
    const enum precision precision = item->plan.precision;
    const float *rows = cpu_read(precision, input, item->input, item->count, workspace);
    if (precision == PRECISION_F32) {
        convolve_rows(&item->plan, rows, weights, epilogue, (float *)output + item->output);
        return;
    }
    struct phase_plan plan = item->plan; // of rows that lie together
    float *packed = workspace + input_floats(&item->plan, item->plan.rows);
    plan.out_pixel = plan.out_channels;
    plan.out_row = plan.columns * plan.out_channels;
    if (epilogue.sum) {
        move_rows(item, output, packed, false);
    }
    convolve_rows(&plan, rows, weights, epilogue, packed);
    move_rows(item, output, packed, true);
}

size_t direct_row_workspace(const struct phase_plan *plan) {
    return item_floats(plan) * sizeof(float);
}

void direct_convolve_rows(const struct phase_plan *plan, const void *input, const float *weights,
                          struct epilogue epilogue, void *output, struct convolution_rows rows,
                          void *workspace) {
    const size_t together = rows_of_item(plan);
    for (size_t row = rows.first; row < rows.end; row += together) {
        const size_t left = rows.end - row;
        const struct item item = item_of(plan, rows.image, row, left < together ? left : together);
        convolve_item(&item, input, weights, epilogue, output, workspace);
    }
}

void direct_convolve(const struct phase_plan *plan, const void *input, const float *weights,
                     struct epilogue epilogue, void *output, size_t first, void *workspace) {
    const size_t together = rows_of_item(plan);
    const size_t items = (plan->rows + together - 1) / together;
    const size_t floats = item_floats(plan);
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(plan->threads)
    for (size_t image = 0; image < plan->images; image++) {
        for (size_t i = 0; i < items; i++) {
            struct item item = item_of(plan, image, i * together, together);
            item.output += first;
            convolve_item(&item, input, weights, epilogue, output,
                          (float *)workspace + (size_t)omp_get_thread_num() * floats);
        }
    }
}
