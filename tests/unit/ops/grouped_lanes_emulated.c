// AVX-512's code for grouped convolutions on any processor: lanes_block.h with vectors of 16
// numbers that the compiler splits up, against sums one by one.
#include "backend/bf16.h"
#include "core/numbers/random.h"
#include "ops/convolution/cpu/grouped/lanes.h"

#include <math.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { LANE_COUNT = 16, CHANNELS = 32, SIDE = 28, WINDOW = 5, OUT_SIDE = 9, MAX_WIDTH = 32 };

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t sixteen_bits __attribute__((vector_size(64)));
typedef uint16_t sixteen_halves __attribute__((vector_size(32), aligned(2), may_alias));

__attribute__((noinline)) static sixteen fuse(sixteen a, sixteen b, sixteen c) {
    for (size_t i = 0; i < LANE_COUNT; i++) {
        c[i] = fmaf(a[i], b[i], c[i]);
    }
    return c;
}

// Each lane number from[lane] of x.
__attribute__((noinline)) static sixteen spread(sixteen x, sixteen_bits from) {
    sixteen to = {0};
    for (size_t i = 0; i < LANE_COUNT; i++) {
        to[i] = x[from[i]];
    }
    return to;
}

static sixteen join(sixteen_halves lower, sixteen_halves upper) {
    sixteen line;
    memcpy(&line, &lower, sizeof lower);
    memcpy((char *)&line + sizeof lower, &upper, sizeof upper);
    return line;
}

#define NAME(what) emulated_##what
#define TARGET
#define VECTOR sixteen
#define ANYWHERE sixteen_anywhere
#define BITS sixteen_bits
#define HALVES sixteen_halves
#define LANES 16
#define PIXELS 8
#define FUSED(a, b, c) fuse(a, b, c)
#define SPREAD(x, from) spread(x, from)
#define STREAM(x, line) (*(sixteen_anywhere *)(void *)(line) = (x))
#define JOINED(lower, upper) join(lower, upper)
#include "ops/convolution/cpu/grouped/lanes_block.h"

static const struct grouped_lanes *const lanes = &emulated_lanes;

static struct {
    float input[SIDE * SIDE * CHANNELS], output[OUT_SIDE * OUT_SIDE * CHANNELS];
    uint16_t input_halves[SIDE * SIDE * CHANNELS], output_halves[OUT_SIDE * OUT_SIDE * CHANNELS];
    float weights[WINDOW * WINDOW * MAX_WIDTH * CHANNELS], bias[CHANNELS];
    float tile[SIDE * SIDE * MAX_WIDTH];
} numbers;

// Numbers that bf16 holds as well.
static void draw(float *to, uint16_t *halves, size_t count, uint64_t seed) {
    struct random random = random_seed(seed, count, 0);
    for (size_t i = 0; i < count; i++) {
        const uint16_t half = bf16_from((float)(random_uniform(&random) - 0.5));
        to[i] = bf16_to(half);
        if (halves != NULL) {
            halves[i] = half;
        }
    }
}

struct trial {
    struct grouped_layer layer;
    struct grouped_block block;
};

// Trial number `i`: all widths, windows and strides, blocks of all sizes, borders on all sides.
static struct trial trial_at(size_t i) {
    static const size_t widths[] = {1, 4, 8, 16, 32};
    static const size_t windows[] = {1, 2, 3, 5};
    struct trial trial = {
        .layer = {.precision = (i + i / 40) % 2 == 0 ? PRECISION_F32 : PRECISION_BF16,
                  .width = widths[i % 5],
                  .window_height = windows[i / 5 % 4],
                  .window_width = windows[(i / 5 + i / 20 % 2) % 4],
                  .stride = 1 + i / 20 % 2,
                  .tap_row = (size_t)SIDE * CHANNELS,
                  .tap = CHANNELS,
                  .out_row = (size_t)OUT_SIDE * CHANNELS,
                  .out_pixel = CHANNELS},
        .block = {.vectors = CHANNELS / LANE_COUNT,
                  .rows = 1 + i / 3 % GROUPED_ROWS,
                  .pixels = 1 + i * 5 % 8,
                  .rows_inside = (uint64_t)0xFFFF << i % 3 & 0xFFFF >> i % 10,
                  .columns_inside = (uint64_t)0xFFFFFFF << i % 4,
                  .output = CHANNELS}};
    trial.layer.kernel = lanes->kernel(&trial.layer);
    return trial;
}

// What the lane of `channel` sees of its group's channel `i`, at a column and a row of the block's
// windows.
static double seen(const struct trial *trial, size_t channel, size_t i, size_t row, size_t column) {
    const size_t from = channel / trial->layer.width * trial->layer.width + i;
    const bool inside =
        (trial->block.rows_inside >> row & 1) && (trial->block.columns_inside >> column & 1);
    return inside ? (double)numbers.input[row * trial->layer.tap_row + column * CHANNELS + from]
                  : 0;
}

// The place of a weight: (vector, row, column, input channel, lane).
static size_t weight_at(const struct grouped_layer *layer, size_t channel, size_t y, size_t x,
                        size_t i) {
    const size_t taps = layer->window_height * layer->window_width;
    const size_t tap = y * layer->window_width + x;
    return ((channel / LANE_COUNT * taps + tap) * layer->width + i) * LANE_COUNT +
           channel % LANE_COUNT;
}

static size_t output_at(size_t row, size_t pixel, size_t channel) {
    return CHANNELS + (row * OUT_SIDE + pixel) * CHANNELS + channel;
}

static double convolved(const struct trial *trial, size_t row, size_t pixel, size_t channel) {
    const struct grouped_layer *layer = &trial->layer;
    double sum = 0;
    for (size_t tap = 0; tap < layer->window_height * layer->window_width; tap++) {
        const size_t y = tap / layer->window_width;
        const size_t x = tap % layer->window_width;
        for (size_t i = 0; i < layer->width; i++) {
            sum += (double)numbers.weights[weight_at(layer, channel, y, x, i)] *
                   seen(trial, channel, i, row * layer->stride + y, pixel * layer->stride + x);
        }
    }
    return sum;
}

static void check_convolution(const struct trial *trial, bool bias, bool sum, bool relu,
                              bool streams) {
    const struct grouped_block *block = &trial->block;
    const bool halves = trial->layer.precision == PRECISION_BF16;
    static float wanted[sizeof numbers.output / sizeof(float)];
    draw(numbers.output, numbers.output_halves, sizeof wanted / sizeof *wanted, 3);
    memcpy(wanted, numbers.output, sizeof wanted);
    for (size_t n = 0; n < block->rows * block->pixels * CHANNELS; n++) {
        const size_t channel = n % CHANNELS;
        const size_t pixel = n / CHANNELS % block->pixels;
        const size_t row = n / CHANNELS / block->pixels;
        float *to = &wanted[output_at(row, pixel, channel)];
        const double all = convolved(trial, row, pixel, channel) +
                           (bias ? (double)numbers.bias[channel] : 0) + (sum ? (double)*to : 0);
        *to = (float)(relu && all < 0 ? 0 : all);
    }
    const struct grouped_convolution job = {
        .layer = trial->layer,
        .lanes = lanes,
        .input = halves ? (const void *)numbers.input_halves : numbers.input,
        .weights = numbers.weights,
        .bias = bias ? numbers.bias : NULL,
        .sum = sum,
        .relu = relu,
        .streams = streams,
        .output = halves ? (void *)numbers.output_halves : numbers.output};
    lanes->convolve(&job, block, numbers.tile);
    for (size_t n = 0; n < sizeof wanted / sizeof *wanted; n++) { // and nothing beside
        const float made = halves ? bf16_to(numbers.output_halves[n]) : numbers.output[n];
        const float error = halves ? fabsf(wanted[n]) / 256 + 1e-5F : 1e-5F;
        assert_true(fabsf(made - wanted[n]) <= error);
    }
}

static void check_sums(const struct trial *trial) {
    const struct grouped_layer *layer = &trial->layer;
    const struct grouped_block *block = &trial->block;
    const bool halves = layer->precision == PRECISION_BF16;
    static float sums[sizeof numbers.weights / sizeof(float)];
    draw(numbers.output, numbers.output_halves, sizeof numbers.output / sizeof(float), 4);
    memcpy(sums, numbers.weights, sizeof sums);
    const struct grouped_sums job = {
        .layer = *layer,
        .lanes = lanes,
        .input = halves ? (const void *)numbers.input_halves : numbers.input,
        .output_gradient = halves ? (const void *)numbers.output_halves : numbers.output,
        .sums = sums};
    lanes->sum(&job, block, numbers.tile);
    for (size_t n = 0; n < layer->window_height * layer->window_width * layer->width * CHANNELS;
         n++) {
        const size_t channel = n % CHANNELS;
        const size_t i = n / CHANNELS % layer->width;
        const size_t x = n / CHANNELS / layer->width % layer->window_width;
        const size_t y = n / CHANNELS / layer->width / layer->window_width;
        const size_t at = weight_at(layer, channel, y, x, i);
        double sum = numbers.weights[at];
        for (size_t pixel = 0; pixel < block->rows * block->pixels; pixel++) {
            const size_t row = pixel / block->pixels;
            const size_t column = pixel % block->pixels;
            sum += (double)numbers.output[output_at(row, column, channel)] *
                   seen(trial, channel, i, row * layer->stride + y, column * layer->stride + x);
        }
        assert_true(fabs(sums[at] - sum) < 1e-5);
    }
}

static void all_kinds_of_blocks_are_the_sums(void **state) {
    (void)state;
    draw(numbers.input, numbers.input_halves, sizeof numbers.input / sizeof(float), 1);
    draw(numbers.weights, NULL, sizeof numbers.weights / sizeof(float), 2);
    draw(numbers.bias, NULL, CHANNELS, 5);
    for (size_t i = 0; i < 2 * 40; i++) {
        const struct trial trial = trial_at(i);
        check_convolution(&trial, i % 3 > 0, i % 4 == 1, i % 5 > 1, i % 7 > 3);
        check_sums(&trial);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_kinds_of_blocks_are_the_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
