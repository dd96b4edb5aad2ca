// Direct convolutions: geometry, weights in panels, and the sweep over output rows.
#include "backend/cpu_direct.h"

#include "backend/cpu_direct_window.h"
#include "backend/cpu_f32.h"

#include <string.h>

#define ITEM_PIXELS ((size_t)96) // of a thread's item, at least: weights are read once for them

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

bool sweep_forward(const struct convolution_shape *shape, int threads, struct sweep *made,
                   struct taps *taps) {
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
                           .threads = threads};
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

bool sweep_backward(const struct convolution_shape *shape, int threads, size_t phase,
                    struct sweep *made, struct taps *taps) {
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
                           .threads = threads};
    *taps = (struct taps){square,        shape->channels * square, shape->kernel,
                          down.last_tap, across.last_tap,          -(ptrdiff_t)stride};
    return widen(made);
}

// ---- weights

size_t sweep_weights_size(const struct sweep *sweep) {
    return sweep->kernel_height * sweep->kernel_width * sweep->channels * sweep->out_channels;
}

void sweep_weights(const struct sweep *sweep, const struct taps *taps, const float *weights,
                   float *made) {
    const size_t panels = sweep->out_channels / PANEL;
    const size_t inner = sweep->kernel_width * sweep->channels;
#pragma omp parallel for collapse(3) schedule(static) num_threads(sweep->threads)
    for (size_t y = 0; y < sweep->kernel_height; y++) {
        for (size_t panel = 0; panel < panels; panel++) {
            for (size_t k = 0; k < inner; k++) {
                float *to = made + ((y * panels + panel) * inner + k) * PANEL;
                for (size_t pixel = 0; pixel < sweep->pixels; pixel++) {
                    const ptrdiff_t at = weight_at(sweep, taps, y, k, panel, pixel);
                    for (size_t i = 0; i < lanes_of(sweep); i++) {
                        to[pixel * lanes_of(sweep) + i] =
                            at < 0 ? 0 : weights[(size_t)at + i * taps->out_step];
                    }
                }
            }
        }
    }
}

// ---- the sweep

static void begin_row(const struct sweep *sweep, struct finish finish, float *row) {
    const size_t own = sweep->out_channels / sweep->pixels;
    for (size_t x = 0; x < sweep->columns; x++) {
        float *pixel = row + x * sweep->out_pixel;
        if (!finish.sum) {
            memset(pixel, 0, sweep->out_channels * sizeof *pixel);
        }
        for (size_t i = 0; finish.bias != NULL && i < sweep->pixels; i++) {
            for (size_t c = 0; c < own; c++) {
                pixel[i * own + c] += finish.bias[c];
            }
        }
    }
}

static void end_row(const struct sweep *sweep, float *row) {
    for (size_t x = 0; x < sweep->columns; x++) {
        float *pixel = row + x * sweep->out_pixel;
        for (size_t c = 0; c < sweep->out_channels; c++) {
            pixel[c] = pixel[c] < 0 ? 0 : pixel[c];
        }
    }
}

// Adds what one kernel row gives to one output row in one panel; `weights`: of both.
static void add_kernel_row(const struct sweep *sweep, const struct edges *edges, const float *from,
                           const float *weights, float *row) {
    const size_t channels = sweep->channels;
    struct span span;
    for (size_t x = 0; x < sweep->columns; x += span.columns) {
        span = span_at(sweep, edges, x);
        const struct cpu_f32_a pixels = {from + span.window.pixel * channels,
                                         sweep->stride_x * channels, 1};
        const struct cpu_f32_b taps = {weights + span.window.tap * channels * PANEL, 0, PANEL};
        if (span.window.taps > 0) {
            cpu_f32_gemm(span.columns, 1, span.window.taps * channels, pixels, taps, true,
                         row + x * sweep->out_pixel, sweep->out_pixel);
        }
    }
}

// Output rows `first` to `last` of one image.
static void do_rows(const struct sweep *sweep, const float *image, const float *weights,
                    struct finish finish, size_t first, size_t last, float *output) {
    const struct edges edges = edges_of(sweep);
    const size_t panels = sweep->out_channels / PANEL;
    const size_t inner = sweep->kernel_width * sweep->channels;
    for (size_t y = first; y < last; y++) {
        begin_row(sweep, finish, output + y * sweep->out_row);
    }
    for (size_t tap = 0; tap < sweep->kernel_height; tap++) {
        for (size_t panel = 0; panel < panels; panel++) {
            for (size_t y = first; y < last; y++) {
                const ptrdiff_t from = (ptrdiff_t)(y * sweep->stride_y + tap) + sweep->top;
                if (from >= 0 && from < (ptrdiff_t)sweep->height) {
                    add_kernel_row(sweep, &edges,
                                   image + (size_t)from * sweep->width * sweep->channels,
                                   weights + (tap * panels + panel) * inner * PANEL,
                                   output + y * sweep->out_row + panel * PANEL);
                }
            }
        }
    }
    for (size_t y = first; finish.relu && y < last; y++) {
        end_row(sweep, output + y * sweep->out_row);
    }
}

void sweep_convolve(const struct sweep *sweep, const float *input, const float *weights,
                    struct finish finish, float *output) {
    const size_t together = (ITEM_PIXELS + sweep->columns - 1) / sweep->columns;
    const size_t items = (sweep->rows + together - 1) / together;
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(sweep->threads)
    for (size_t image = 0; image < sweep->images; image++) {
        for (size_t item = 0; item < items; item++) {
            const size_t first = item * together;
            const size_t last = first + together < sweep->rows ? first + together : sweep->rows;
            do_rows(sweep, input + image * sweep->height * sweep->width * sweep->channels, weights,
                    finish, first, last, output + image * sweep->out_image);
        }
    }
}
