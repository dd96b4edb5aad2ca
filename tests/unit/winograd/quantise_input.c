// Numbers at the points that are made of a tile's input at once: the bytes of those that are
// transformed first and then rounded.
#include "backend/bf16.h"
#include "core/numbers/random.h"
#include "ops/convolution/cpu/winograd_int16/quantise.h"

#include <math.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIDE = 9, CHANNELS = PART + LANES, STEP = PART + 6 };

static const struct winograd shape = {.tile = MAX_TILE,
                                      .precision = PRECISION_BF16,
                                      .images = 1,
                                      .height = SIDE,
                                      .width = SIDE,
                                      .channels = CHANNELS,
                                      .out_channels = LANES,
                                      .threads = 1};

struct numbers {
    int16_t at[MAX_POINTS * STEP];
    float scales[WINOGRAD_INT16_POINTS];
};

static uint16_t input[SIDE * SIDE * CHANNELS];
static float factors[PART];

static void draw(void) {
    struct random random = random_seed(3, 0, 0);
    for (size_t i = 0; i < SIDE * SIDE * CHANNELS; i++) {
        input[i] = bf16_from((float)random_uniform(&random) * (i % 7 == 0 ? 50 : 1));
    }
    for (size_t c = 0; c < PART; c++) {
        factors[c] = ldexpf(1, -(int)(c % 4));
    }
}

// Of the tile at (y, x), by both ways.
static void make(size_t y, size_t x, struct numbers *at_once, struct numbers *wanted) {
    float floats[MAX_POINTS * PART];
    struct pixels pixels;
    find_pixels(&shape, (struct corner){0, y, x}, 1, MAX_SPAN, CHANNELS, &pixels);
    memset(at_once, 0, sizeof *at_once);
    memset(wanted, 0, sizeof *wanted);
    quantise_input(input + LANES, &pixels, &pixels, factors, at_once->at, STEP, at_once->scales);
    transform_input(MAX_TILE, input + LANES, &pixels, &pixels, PART, floats, PART);
    quantise_tile(floats, factors, PART, wanted->at, STEP, wanted->scales);
}

// Tiles in the middle and at all edges.
static void bytes_are_the_same(void **state) {
    (void)state;
    draw();
    for (size_t i = 0; i < 9; i++) {
        struct numbers at_once, wanted;
        make(i / 3 * 4, i % 3 * 4, &at_once, &wanted);
        assert_memory_equal(at_once.at, wanted.at, sizeof wanted.at);
        assert_memory_equal(at_once.scales, wanted.scales, MAX_POINTS * sizeof(float));
    }
}

static void scales_tell_what_is_not_finite(void **state) {
    static const uint16_t odd[] = {0x7F80, 0xFF80, 0x7FC0}; // infinite, NaN
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct numbers at_once, wanted;
        draw();
        input[(4 * SIDE + 5) * CHANNELS + LANES + 37] = odd[i];
        make(4, 4, &at_once, &wanted);
        for (size_t point = 0; point < MAX_POINTS; point++) {
            assert_int_equal(isnan(at_once.scales[point]), isnan(wanted.scales[point]));
        }
        assert_true(isnan(at_once.scales[MAX_SPAN + 1]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_are_the_same),
                                       cmocka_unit_test(scales_tell_what_is_not_finite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
