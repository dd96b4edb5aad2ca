// AVX-512's code for grouped convolutions on any processor: lanes_block.h with vectors of 16
// numbers that the compiler splits up, against sums one by one.
#include "core/numbers/random.h"
#include "ops/convolution/cpu/grouped/lanes.h"

#include <math.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { LANE_COUNT = 16, PIXEL = 40, SIDE = 20, WINDOW = 5, MOST = 32 };

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));
typedef int sixteen_bits __attribute__((vector_size(64)));

__attribute__((noinline)) static sixteen fuse(sixteen a, sixteen b, sixteen c) {
    for (size_t i = 0; i < LANE_COUNT; i++) {
        c[i] = fmaf(a[i], b[i], c[i]);
    }
    return c;
}

// Each lane number `i` of the `count` that it is among.
__attribute__((noinline)) static sixteen spread(sixteen from, size_t count, size_t i) {
    sixteen to = {0};
    for (size_t lane = 0; lane < LANE_COUNT; lane++) {
        to[lane] = from[lane / count * count + i];
    }
    return to;
}

#define NAME(what) emulated_##what
#define TARGET
#define VECTOR sixteen
#define ANYWHERE sixteen_anywhere
#define BITS sixteen_bits
#define LANES 16
#define FUSED(a, b, c) fuse(a, b, c)
#define OF_FOUR(x, i) spread(x, 4, i)
#define OF_EIGHT(x, i) spread(x, 8, i)
#include "ops/convolution/cpu/grouped/lanes_block.h"

static float input[(SIDE + WINDOW) * (SIDE + WINDOW) * PIXEL];
static float weights[WINDOW * WINDOW * MOST * LANE_COUNT];
static float output[SIDE * SIDE * PIXEL], wanted[SIDE * SIDE * PIXEL], bias[LANE_COUNT];

static void draw(float *numbers, size_t count) {
    struct random random = random_seed(19, count, 0);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float)(random_uniform(&random) - 0.5);
    }
}

// The input number that a lane takes of its group's channel `i`, in groups of so many channels.
static size_t channel_of(size_t width, size_t lane, size_t i) {
    return width < LANE_COUNT ? lane / width * width + i : i;
}

static float seen(const struct grouped_lanes *job, size_t y, size_t x, size_t wy, size_t wx,
                  size_t channel) {
    return job->input[y * job->row + x * job->pixel + wy * job->tap_row + wx * job->tap + channel];
}

static float pixel_of(const struct grouped_lanes *job, size_t y, size_t x, size_t lane,
                      float before) {
    double sum = (double)(job->bias != NULL ? job->bias[lane] : 0) + (job->sum ? before : 0);
    for (size_t wy = 0; wy < job->window_height; wy++) {
        for (size_t wx = 0; wx < job->window_width; wx++) {
            for (size_t i = 0; i < job->width; i++) {
                const size_t tap = (wy * job->window_width + wx) * job->width + i;
                sum += (double)job->weights[tap * LANE_COUNT + lane] *
                       seen(job, y, x, wy, wx, channel_of(job->width, lane, i));
            }
        }
    }
    return (float)(job->relu && sum < 0 ? 0 : sum);
}

static struct grouped_lanes job_of(size_t width, size_t columns, size_t window, size_t stride) {
    return (struct grouped_lanes){.width = width,
                                  .rows = 3,
                                  .columns = columns,
                                  .window_height = window,
                                  .window_width = window,
                                  .input = input,
                                  .tap_row = (size_t)(SIDE + WINDOW) * PIXEL,
                                  .tap = PIXEL,
                                  .row = stride * (SIDE + WINDOW) * PIXEL,
                                  .pixel = stride * PIXEL,
                                  .weights = weights,
                                  .output = output,
                                  .out_row = (size_t)SIDE * PIXEL,
                                  .out_pixel = PIXEL};
}

static void check_convolution(const struct grouped_lanes *job) {
    draw(output, sizeof output / sizeof *output);
    memcpy(wanted, output, sizeof wanted);
    for (size_t i = 0; i < job->rows * job->columns * LANE_COUNT; i++) {
        const size_t lane = i % LANE_COUNT;
        const size_t x = i / LANE_COUNT % job->columns;
        const size_t y = i / LANE_COUNT / job->columns;
        float *to = wanted + y * job->out_row + x * job->out_pixel + lane;
        *to = pixel_of(job, y, x, lane, *to);
    }
    emulated_convolve(job);
    for (size_t i = 0; i < sizeof output / sizeof *output; i++) { // and nothing beside
        assert_true(fabsf(output[i] - wanted[i]) < 1e-5F);
    }
}

static void check_sums(const struct grouped_lanes *from) {
    const size_t taps = from->window_height * from->window_width * from->width;
    float sums[WINDOW * WINDOW * MOST * LANE_COUNT];
    const struct grouped_lanes_gradient job = {.width = from->width,
                                               .rows = from->rows,
                                               .columns = from->columns,
                                               .window_height = from->window_height,
                                               .window_width = from->window_width,
                                               .input = from->input,
                                               .tap_row = from->tap_row,
                                               .tap = from->tap,
                                               .row = from->row,
                                               .pixel = from->pixel,
                                               .gradient = output,
                                               .gradient_row = from->out_row,
                                               .gradient_pixel = from->out_pixel,
                                               .sums = sums};
    draw(output, sizeof output / sizeof *output);
    memcpy(sums, weights, sizeof sums);
    emulated_sum(&job);
    for (size_t i = 0; i < taps * LANE_COUNT; i++) {
        const size_t lane = i % LANE_COUNT;
        const size_t tap = i / LANE_COUNT / from->width;
        const size_t channel = channel_of(from->width, lane, i / LANE_COUNT % from->width);
        double sum = weights[i];
        for (size_t pixel = 0; pixel < from->rows * from->columns; pixel++) {
            const size_t y = pixel / from->columns;
            const size_t x = pixel % from->columns;
            sum += (double)output[y * from->out_row + x * from->out_pixel + lane] *
                   seen(from, y, x, tap / from->window_width, tap % from->window_width, channel);
        }
        assert_true(fabs(sums[i] - sum) < 1e-5);
    }
}

// Every kind of groups; blocks of 12 pixels and what is left; windows of whole blocks of taps and
// others; all epilogues.
static void all_kinds_of_groups_are_the_sums(void **state) {
    static const size_t widths[] = {1, 4, 8, 16, 32};
    static const size_t windows[] = {1, 3, 5};
    (void)state;
    draw(input, sizeof input / sizeof *input);
    draw(weights, sizeof weights / sizeof *weights);
    draw(bias, LANE_COUNT);
    for (size_t i = 0; i < 5 * 3 * 5; i++) {
        struct grouped_lanes job =
            job_of(widths[i % 5], 1 + 3 * (i % 4), windows[i / 5 % 3], 1 + i % 2);
        job.bias = i % 2 == 0 ? bias : NULL;
        job.sum = i % 3 == 0;
        job.relu = i % 4 < 2;
        check_sums(&job);
        check_convolution(&job);
        job.columns = job.pixel == PIXEL ? 17 : job.columns;
        check_convolution(&job);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_kinds_of_groups_are_the_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
