// Outputs of Winograd's tiles in bf16: AVX-512's code with its intrinsics emulated, what this
// processor has, and the code for any processor make the same bytes.
#include "../backend/avx512_emulation.h"
#include "backend/cpu/level.h"
#include "core/numbers/random.h"
#include "ops/convolution/cpu/winograd_int16/output.h"

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

output_transform *emulated_output_bf16(void);

#define NATIVE
#define cpu_level() CPU_BF16
#define transform_output_bf16 emulated_output_bf16
#include "ops/convolution/cpu/winograd_int16/output.c" // NOLINT(bugprone-suspicious-include)
#undef transform_output_bf16

enum { SIDE = 6, CHANNELS = 48, STEP = CHANNELS + 5, NUMBERS = SIDE * SIDE * CHANNELS };

struct sums {
    float at[MAX_POINTS * STEP], bias[CHANNELS];
};

// Of all signs; a few are not finite.
static void draw(struct sums *sums) {
    struct random random = random_seed(5, 0, 0);
    for (size_t i = 0; i < MAX_POINTS * STEP; i++) {
        sums->at[i] = (float)(random_uniform(&random) - 0.5) * 8;
    }
    for (size_t i = 0; i < CHANNELS; i++) {
        sums->bias[i] = (float)random_uniform(&random);
    }
    sums->at[7 * STEP + 3] = INFINITY;
    sums->at[7 * STEP + 20] = NAN;
}

// Two tiles, of which the second reaches over the image's edge.
static void make(const struct sums *sums, output_transform *transform, struct epilogue epilogue,
                 uint16_t output[NUMBERS]) {
    const struct winograd shape = {.tile = MAX_TILE,
                                   .precision = PRECISION_BF16,
                                   .images = 1,
                                   .height = SIDE,
                                   .width = SIDE,
                                   .channels = CHANNELS,
                                   .out_channels = CHANNELS,
                                   .threads = 1};
    struct pixels pixels[2];
    for (size_t i = 0; i < NUMBERS; i++) {
        output[i] = (uint16_t)(0x3F00 + i % 200);
    }
    find_pixels(&shape, (struct corner){0, 0, 0}, 0, MAX_TILE, CHANNELS, &pixels[0]);
    find_pixels(&shape, (struct corner){0, 4, 4}, 0, MAX_TILE, CHANNELS, &pixels[1]);
    for (size_t tile = 0; tile < 2; tile++) {
        for (size_t channel = 0; channel < CHANNELS; channel += LANES) {
            const float *from = sums->at + tile + channel;
            if (transform != NULL) {
                transform(from, STEP, epilogue, channel, output, &pixels[tile], &pixels[1]);
            } else {
                transform_output(MAX_TILE, from, STEP, epilogue, channel, output, &pixels[tile],
                                 &pixels[1]);
            }
        }
    }
}

static void bytes_are_the_same(void **state) {
    struct sums sums;
    (void)state;
    draw(&sums);
    for (unsigned i = 0; i < 8; i++) {
        const struct epilogue epilogue = {i & 1 ? sums.bias : NULL, i & 2, i & 4};
        uint16_t plain[NUMBERS], emulated[NUMBERS], native[NUMBERS];
        make(&sums, NULL, epilogue, plain);
        make(&sums, emulated_output_bf16(), epilogue, emulated);
        make(&sums, transform_output_bf16(), epilogue, native); // plain, if there is none
        assert_memory_equal(emulated, plain, sizeof plain);
        assert_memory_equal(native, plain, sizeof plain);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_are_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
