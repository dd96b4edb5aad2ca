// Direct convolutions: geometry, weights in panels, and the sweep over output rows.
#include "ops/convolution/cpu/direct/direct.h"

#include "backend/cpu/products/f32.h"
#include "core/simd.h"
#include "ops/convolution/cpu/direct/window.h"

#include <omp.h>
#include <string.h>

#define ITEM_PIXELS ((size_t)96)    // of a thread's item, at least: weights are read once for them
#define LEAST_ITEMS ((size_t)8)     // of an image
#define ITEM_FLOATS ((size_t)98304) // of bf16: more rows, while they fit into the cache as floats

// ---- geometry

// Out channels of 8 go by two pixels.
static bool widen(struct sweep *sweep) {
    if (sweep->out_channels % PANEL == 0) {
        sweep->pixels = 1;
        return true;
    }
    if (sweep->out_channels * 2 != PANEL || sweep->columns % 2 != 0 ||
        sweep->out_pixel != sweep->out_channels) {
        return false;
    }
    sweep->pixels = 2;
    sweep->out_channels *= 2;
    sweep->out_pixel *= 2;
    sweep->columns /= 2;
    sweep->kernel_width += sweep->stride_x;
    sweep->stride_x *= 2;
    return true;
}

bool sweep_forward(const struct convolution_problem *problem, struct sweep *made,
                   struct taps *taps) {
    const struct convolution_shape *shape = &problem->shape;
    const size_t side = shape->kernel;
    *made = (struct sweep){.images = shape->images,
                           .height = shape->height,
                           .width = shape->width,
                           .channels = shape->channels,
                           .rows = shape->out_height,
                           .columns = shape->out_width,
                           .out_channels = shape->out_channels,
                           .kernel_height = side,
                           .kernel_width = side,
                           .stride_y = shape->stride,
                           .stride_x = shape->stride,
                           .top = -(ptrdiff_t)shape->pad,
                           .left = -(ptrdiff_t)shape->pad,
                           .out_image = shape->out_height * shape->out_width * shape->out_channels,
                           .out_row = shape->out_width * shape->out_channels,
                           .out_pixel = shape->out_channels,
                           .precision = problem->precision,
                           .threads = problem->threads};
    *taps = (struct taps){shape->channels * side * side, side * side, side, 0, 0, 1};
    return widen(made);
}

// In one direction: the input pixels `phase`, phase + stride, ... get something from the taps t
// with phase + pad - t a multiple of the stride, and that from the output pixel (that / stride).
// The last such tap comes with the first output pixel.
struct reach {
    size_t taps;
    ptrdiff_t last_tap, first_pixel;
};

static struct reach reach_of(const struct convolution_shape *shape, size_t phase) {
    struct reach reach = {0, 0, 0};
    for (size_t tap = 0; tap < shape->kernel; tap++) {
        const ptrdiff_t apart = (ptrdiff_t)(phase + shape->pad) - (ptrdiff_t)tap;
        if (apart % (ptrdiff_t)shape->stride == 0) {
            reach.taps++;
            reach.last_tap = (ptrdiff_t)tap;
            reach.first_pixel = apart / (ptrdiff_t)shape->stride;
        }
    }
    return reach;
}

// Every stride'th pixel from `phase` on.
static size_t phase_pixels(size_t pixels, size_t phase, size_t stride) {
    return phase < pixels ? (pixels - phase + stride - 1) / stride : 0;
}

bool sweep_backward(const struct convolution_problem *problem, size_t phase, struct sweep *made,
                    struct taps *taps) {
    const struct convolution_shape *shape = &problem->shape;
    const size_t stride = shape->stride;
    const size_t y = phase / stride;
    const size_t x = phase % stride;
    const struct reach down = reach_of(shape, y);
    const struct reach across = reach_of(shape, x);
    const size_t square = shape->kernel * shape->kernel;
    *made = (struct sweep){.images = shape->images,
                           .height = shape->out_height,
                           .width = shape->out_width,
                           .channels = shape->out_channels,
                           .rows = phase_pixels(shape->height, y, stride),
                           .columns = phase_pixels(shape->width, x, stride),
                           .out_channels = shape->channels,
                           .kernel_height = across.taps > 0 ? down.taps : 0,
                           .kernel_width = across.taps,
                           .stride_y = 1,
                           .stride_x = 1,
                           .top = down.first_pixel,
                           .left = across.first_pixel,
                           .out_image = shape->height * shape->width * shape->channels,
                           .out_row = stride * shape->width * shape->channels,
                           .out_pixel = stride * shape->channels,
                           .precision = problem->precision,
                           .threads = problem->threads};
    *taps = (struct taps){square,        shape->channels * square, shape->kernel,
                          down.last_tap, across.last_tap,          -(ptrdiff_t)stride};
    return widen(made);
}

// ---- weights

size_t sweep_weights_size(const struct sweep *sweep) {
    return sweep->kernel_height * sweep->kernel_width * sweep->channels * sweep->out_channels;
}

static void take_tap(const struct sweep *sweep, const struct taps *taps, const struct tap *tap,
                     const float *weights, float *to) {
    const size_t lanes = lanes_of(sweep);
    for (size_t pixel = 0; pixel < sweep->pixels; pixel++) {
        const ptrdiff_t at = weight_at(sweep, taps, tap, pixel);
        for (size_t i = 0; i < lanes; i++) {
            to[pixel * lanes + i] = at < 0 ? 0 : weights[(size_t)at + i * taps->out_step];
        }
    }
}

void sweep_weights(const struct sweep *sweep, const struct taps *taps, const float *weights,
                   float *made) {
    const size_t panels = sweep->out_channels / PANEL;
#pragma omp parallel for collapse(3) schedule(static) num_threads(sweep->threads)
    for (size_t y = 0; y < sweep->kernel_height; y++) {
        for (size_t panel = 0; panel < panels; panel++) {
            for (size_t x = 0; x < sweep->kernel_width; x++) {
                float *to = made + ((y * panels + panel) * sweep->kernel_width + x) *
                                       sweep->channels * PANEL;
                for (size_t c = 0; c < sweep->channels; c++) {
                    const struct tap tap = {y, x, c, panel};
                    take_tap(sweep, taps, &tap, weights, to + c * PANEL);
                }
            }
        }
    }
}

// ---- the sweep

VECTORISED static void begin_row(const struct sweep *sweep, struct epilogue epilogue, float *row) {
    const size_t own = sweep->out_channels / sweep->pixels;
    for (size_t x = 0; x < sweep->columns; x++) {
        float *pixel = row + x * sweep->out_pixel;
        if (!epilogue.sum) {
            memset(pixel, 0, sweep->out_channels * sizeof *pixel);
        }
        for (size_t i = 0; epilogue.bias != NULL && i < sweep->pixels; i++) {
            for (size_t c = 0; c < own; c++) {
                pixel[i * own + c] += epilogue.bias[c];
            }
        }
    }
}

VECTORISED static void end_row(const struct sweep *sweep, float *row) {
    for (size_t x = 0; x < sweep->columns; x++) {
        float *pixel = row + x * sweep->out_pixel;
        for (size_t c = 0; c < sweep->out_channels; c++) {
            pixel[c] = pixel[c] < 0 ? 0 : pixel[c];
        }
    }
}

// Adds what one kernel row gives to one output row in some panels; `weights`: of both.
static void add_kernel_row(const struct sweep *sweep, const struct edges *edges, const float *from,
                           const float *weights, size_t panels, float *row) {
    const size_t channels = sweep->channels;
    const size_t panel_step = sweep->kernel_width * channels * PANEL;
    struct span span;
    for (size_t x = 0; x < sweep->columns; x += span.columns) {
        span = span_at(sweep, edges, x);
        const struct cpu_f32_a pixels = {from + span.window.pixel * channels,
                                         sweep->stride_x * channels, 1};
        const struct cpu_f32_b taps = {weights + span.window.tap * channels * PANEL, panel_step,
                                       PANEL};
        if (span.window.taps > 0) {
            cpu_f32_gemm(span.columns, panels, span.window.taps * channels, pixels, taps, true,
                         (struct cpu_f32_c){row + x * sweep->out_pixel, sweep->out_pixel, PANEL});
        }
    }
}

// All rows of one image, whose first pixels `image` and `output` are, in float32.
static void do_rows(const struct sweep *sweep, const float *image, const float *weights,
                    struct epilogue epilogue, float *output) {
    const struct edges edges = edges_of(sweep);
    const size_t panels = sweep->out_channels / PANEL;
    const size_t inner = sweep->kernel_width * sweep->channels;
    const size_t together = cpu_f32_together();
    for (size_t y = 0; y < sweep->rows; y++) {
        begin_row(sweep, epilogue, output + y * sweep->out_row);
    }
    for (size_t tap = 0; tap < sweep->kernel_height; tap++) {
        for (size_t panel = 0; panel < panels; panel += together) {
            const size_t some = panels - panel < together ? panels - panel : together;
            for (size_t y = 0; y < sweep->rows; y++) {
                const ptrdiff_t from = (ptrdiff_t)(y * sweep->stride_y + tap) + sweep->top;
                if (from >= 0 && from < (ptrdiff_t)sweep->height) {
                    add_kernel_row(sweep, &edges,
                                   image + (size_t)from * sweep->width * sweep->channels,
                                   weights + (tap * panels + panel) * inner * PANEL, some,
                                   output + y * sweep->out_row + panel * PANEL);
                }
            }
        }
    }
    for (size_t y = 0; epilogue.relu && y < sweep->rows; y++) {
        end_row(sweep, output + y * sweep->out_row);
    }
}

// ---- items of some rows: each is a sweep of its own

// Floats of some rows of output and of those that they are made from.
static size_t made_floats(const struct sweep *sweep, size_t rows) {
    return rows * sweep->columns * sweep->out_channels;
}

static size_t read_floats(const struct sweep *sweep, size_t rows) {
    return ((rows - 1) * sweep->stride_y + sweep->kernel_height) * sweep->width * sweep->channels;
}

static bool room_for(const struct sweep *sweep, size_t rows) {
    return rows * LEAST_ITEMS <= sweep->rows &&
           made_floats(sweep, rows) + read_floats(sweep, rows) <= ITEM_FLOATS;
}

// Neighbours read the same rows, which bf16 has to convert for each.
static size_t rows_of_item(const struct sweep *sweep) {
    size_t rows = sweep->columns > 0 ? (ITEM_PIXELS + sweep->columns - 1) / sweep->columns : 1;
    while (sweep->precision != PRECISION_F32 && room_for(sweep, rows + 1)) {
        rows++;
    }
    return rows;
}

static size_t item_floats(const struct sweep *sweep) {
    const size_t rows = rows_of_item(sweep);
    return sweep->precision == PRECISION_F32 ? 0
                                             : read_floats(sweep, rows) + made_floats(sweep, rows);
}

size_t sweep_scratch(const struct sweep *sweep) {
    return (size_t)sweep->threads * item_floats(sweep) * sizeof(float);
}

struct item {
    struct sweep sweep;        // over the rows that it reads
    size_t read, count, first; // numbers: the first one read, how many, the first one made
};

static struct item item_of(const struct sweep *sweep, size_t image, size_t row, size_t most) {
    const size_t rows = sweep->rows - row < most ? sweep->rows - row : most;
    const ptrdiff_t top = (ptrdiff_t)(row * sweep->stride_y) + sweep->top;
    const ptrdiff_t end = top + (ptrdiff_t)((rows - 1) * sweep->stride_y + sweep->kernel_height);
    const ptrdiff_t height = (ptrdiff_t)sweep->height;
    const ptrdiff_t from = top < 0 ? 0 : top < height ? top : height;
    const ptrdiff_t to = end < from ? from : end < height ? end : height;
    const size_t numbers = sweep->width * sweep->channels; // of a row
    struct item item = {*sweep, (image * sweep->height + (size_t)from) * numbers,
                        (size_t)(to - from) * numbers,
                        image * sweep->out_image + row * sweep->out_row};
    item.sweep.rows = rows;
    item.sweep.height = (size_t)(to - from);
    item.sweep.top = top - from;
    return item;
}

// Brings what an item makes from where it is stored, or back: runs of numbers that lie together,
// whole rows or single pixels.
static void move_rows(const struct item *item, void *output, float *made, bool back) {
    const struct sweep *sweep = &item->sweep;
    const bool whole = sweep->out_pixel == sweep->out_channels;
    const size_t runs = whole ? 1 : sweep->columns;
    const size_t count = whole ? sweep->columns * sweep->out_channels : sweep->out_channels;
    for (size_t y = 0; y < sweep->rows; y++) {
        for (size_t run = 0; run < runs; run++) {
            const size_t at = item->first + y * sweep->out_row + run * sweep->out_pixel;
            float *packed = made + (y * runs + run) * count;
            if (back) {
                cpu_write(sweep->precision, output, at, count, packed);
            } else {
                (void)cpu_read(sweep->precision, output, at, count, packed);
            }
        }
    }
}

static void do_item(const struct item *item, const void *input, const float *weights,
                    struct epilogue epilogue, void *output, float *room) {
    const enum precision precision = item->sweep.precision;
    const float *rows = cpu_read(precision, input, item->read, item->count, room);
    if (precision == PRECISION_F32) {
        do_rows(&item->sweep, rows, weights, epilogue, (float *)output + item->first);
        return;
    }
    struct sweep packed = item->sweep;
    float *made = room + read_floats(&item->sweep, item->sweep.rows);
    packed.out_pixel = packed.out_channels;
    packed.out_row = packed.columns * packed.out_channels;
    if (epilogue.sum) {
        move_rows(item, output, made, false);
    }
    do_rows(&packed, rows, weights, epilogue, made);
    move_rows(item, output, made, true);
}

void sweep_convolve(const struct sweep *sweep, const void *input, const float *weights,
                    struct epilogue epilogue, void *output, size_t first, void *scratch) {
    const size_t together = rows_of_item(sweep);
    const size_t items = (sweep->rows + together - 1) / together;
    const size_t floats = item_floats(sweep);
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(sweep->threads)
    for (size_t image = 0; image < sweep->images; image++) {
        for (size_t number = 0; number < items; number++) {
            struct item item = item_of(sweep, image, number * together, together);
            item.first += first;
            do_item(&item, input, weights, epilogue, output,
                    (float *)scratch + (size_t)omp_get_thread_num() * floats);
        }
    }
}
