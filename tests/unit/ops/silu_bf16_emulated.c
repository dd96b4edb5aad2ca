// SiLU of all numbers of bf16: AVX-512's code with its intrinsics emulated, and what this processor
// has, round what the formula gives.
#include "../backend/avx512_emulation.h"
#include "backend/cpu/level.h"
#include "ops/silu/bf16.h"

#include <float.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

elementwise_bf16 *emulated_silu_of_bf16(void);

#define NATIVE
#define cpu_level() CPU_BF16
#define silu_of_bf16 emulated_silu_of_bf16
#include "ops/silu/bf16.c" // NOLINT(bugprone-suspicious-include)
#undef silu_of_bf16

enum { NUMBERS = 1 << 16, AFTER = 0xABCD };

// Numbers too small for float32's exponents may count as 0. `count`: of a run.
static void expect_rounded(elementwise_bf16 *apply, size_t count) {
    uint16_t x[NUMBERS];
    uint16_t y[NUMBERS + 1];
    y[NUMBERS] = AFTER;
    for (size_t i = 0; i < NUMBERS; i++) {
        x[i] = (uint16_t)i;
    }
    for (size_t i = 0; i < NUMBERS; i += count) {
        const size_t left = NUMBERS - i;
        apply(x + i, left < count ? left : count, y + i);
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        const float number = bf16_to(x[i]);
        const float wanted = silu_of(number);
        const bool tiny = fabsf(number) < FLT_MIN || fabsf(wanted) < FLT_MIN;
        assert_true(isnan(wanted) ? isnan(bf16_to(y[i]))
                    : tiny        ? fabsf(bf16_to(y[i])) <= FLT_MIN
                                  : y[i] == bf16_from(wanted));
    }
    assert_int_equal(y[NUMBERS], AFTER);
}

static void all_numbers_are_rounded(void **state) {
    (void)state;
    for (size_t count = 1; count <= 33; count += 16) {
        expect_rounded(emulated_silu_of_bf16(), count);
        if (silu_of_bf16() != NULL) {
            expect_rounded(silu_of_bf16(), count + 14);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_numbers_are_rounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
