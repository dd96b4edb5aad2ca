// Position attention by matrix units on any processor: unit_step.c once more, its tiles and
// intrinsics emulated, against the formula in float64; and by this processor's, if it has some.
#include "../backend/amx_emulation.h"
#include "../backend/avx512_emulation.h"
#include "backend/bf16.h"
#include "core/numbers/random.h"
#include "ops/position_attention/cpu/units/unit_forward.h"

#include <math.h>
#include <stdlib.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

const struct unit_functions *emulated_units(void);

#define NATIVE
#define HAS_PERMUTATIONS() true
#define position_units emulated_units
#include "ops/position_attention/cpu/units/unit_step.c" // NOLINT(bugprone-suspicious-include)
#undef position_units

static void nothing(void) {}

static const struct unit_functions emulated = {nothing, nothing, step_native, maxima_native};

static void *need(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

static uint16_t *drawn(size_t count, float range, uint64_t seed) {
    struct random random = random_seed(19, seed, count);
    uint16_t *numbers = need(count * sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = bf16_from((float)(random_uniform(&random) * 2 - 1) * range);
    }
    return numbers;
}

static float score(const struct position_unit_image *image, size_t i, size_t j) {
    float sum = 0;
    for (size_t k = 0; k < image->keys; k++) {
        sum += bf16_to(image->q[i * image->keys + k]) * bf16_to(image->q[j * image->keys + k]);
    }
    return sum;
}

// Weights are bf16, and so is y: both are rounded by up to 1 of 256.
static void compare_pixel(const struct position_unit_image *image, size_t pixel) {
    double total = 0;
    double maximum = -INFINITY;
    double *sums = need(image->channels * sizeof *sums);
    for (size_t c = 0; c < image->channels; c++) {
        sums[c] = 0;
    }
    for (size_t j = 0; j < image->pixels; j++) {
        maximum = fmax(maximum, score(image, pixel, j));
    }
    for (size_t j = 0; j < image->pixels; j++) {
        const double weight = exp(score(image, pixel, j) - maximum);
        total += weight;
        for (size_t c = 0; c < image->channels; c++) {
            sums[c] += weight * bf16_to(image->v[j * image->channels + c]);
        }
    }
    assert_true(fabs(image->logs[pixel] - (maximum + log(fmax(total, 1)))) < 0.01);
    for (size_t c = 0; c < image->channels; c++) {
        const double y = bf16_to(image->y[pixel * image->channels + c]);
        assert_true(fabs(y - sums[c] / total) < 0.01);
    }
    free(sums);
}

static void check(const struct unit_functions *functions, size_t pixels, size_t keys,
                  size_t channels, float range) {
    const size_t bytes = pixels * channels * sizeof(uint16_t);
    struct position_unit_image image = {.pixels = pixels,
                                        .keys = keys,
                                        .channels = channels,
                                        .q = drawn(pixels * keys, range, 1),
                                        .v = drawn(pixels * channels, 1, 2),
                                        .y = need(bytes),
                                        .logs = need(pixels * sizeof(float))};
    uint16_t *first = need(bytes);
    for (image.threads = 1; image.threads <= 2; image.threads++) {
        void *scratch = need(position_unit_bytes(pixels, keys, channels, image.threads));
        position_unit_forward(functions, &image, scratch);
        free(scratch);
        for (size_t pixel = 0; pixel < pixels; pixel += 9) {
            compare_pixel(&image, pixel);
        }
        if (image.threads > 1) {
            assert_memory_equal(first, image.y, bytes);
        }
        memcpy(first, image.y, bytes);
    }
    free((void *)(uintptr_t)image.q);
    free((void *)(uintptr_t)image.v);
    free(image.y);
    free(image.logs);
    free(first);
}

// Fewer pixels than a step has, and more than a thread keeps; scores that are alike, and such that
// maxima rise by more than weights have room for.
static void check_all(const struct unit_functions *functions) {
    check(functions, 1, 2, 1, 1);
    check(functions, 70, 6, 20, 1);
    check(functions, 300, 40, 15, 6);
    check(functions, 140, 8, 80, 30);
}

static void attention_is_what_the_formula_says(void **state) {
    (void)state;
    check_all(&emulated);
    if (position_units() != NULL) {
        check_all(position_units());
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_what_the_formula_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
