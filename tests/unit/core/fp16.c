// Half precision: every fp16 number, and the rounding of floats.
#include "core/numbers/fp16.h"
#include "core/numbers/random.h"

#include <math.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// A fp16 number's value by its definition.
static double value_of(uint16_t half) {
    const int exponent = (half >> 10) & 31;
    const double mantissa = half & 1023;
    const double sign = half & 0x8000 ? -1 : 1;
    if (exponent == 31) {
        return mantissa > 0 ? (double)NAN : sign * (double)INFINITY;
    }
    return exponent == 0 ? sign * ldexp(mantissa, -24)
                         : sign * ldexp(1024 + mantissa, exponent - 25);
}

static void test_all_halves(void **state) {
    (void)state;
    uint16_t halves[256];
    float numbers[256];
    for (uint32_t i = 0; i < 65536; i += 256) {
        for (uint32_t j = 0; j < 256; j++) {
            halves[j] = (uint16_t)(i + j);
        }
        fp16_read(numbers, halves, 256);
        for (uint32_t j = 0; j < 256; j++) {
            const double value = value_of(halves[j]);
            if (isnan(value)) {
                assert_true(isnan(numbers[j]));
                assert_true(isnan(fp16_to_float(fp16_from_float(numbers[j]))));
                continue;
            }
            assert_true((double)numbers[j] == value && !signbit(numbers[j]) == !signbit(value));
            assert_int_equal(fp16_from_float(numbers[j]), halves[j]);
        }
    }
}

// Floats around the middle between two halves: to the nearer one, from the middle to the even one.
static void test_rounding(void **state) {
    (void)state;
    for (uint16_t half = 0; half < 0x7BFF; half++) {
        const float low = fp16_to_float(half);
        const float middle = (low + fp16_to_float((uint16_t)(half + 1))) / 2;
        const uint16_t even = half & 1 ? (uint16_t)(half + 1) : half;
        assert_int_equal(fp16_from_float(middle), even);
        assert_int_equal(fp16_from_float(nextafterf(middle, 0)), half);
        assert_int_equal(fp16_from_float(nextafterf(middle, INFINITY)), half + 1);
        assert_int_equal(fp16_from_float(-middle), even | 0x8000);
    }
    assert_int_equal(fp16_from_float(65519.996f), 0x7BFF);
    assert_int_equal(fp16_from_float(65520.0f), 0x7C00);
    assert_int_equal(fp16_from_float(1e30f), 0x7C00);
    assert_int_equal(fp16_from_float(-INFINITY), 0xFC00);
    assert_int_equal(fp16_from_float(1e-30f), 0);
}

static void test_arrays(void **state) {
    (void)state;
    float numbers[1003];
    unsigned char bytes[2 * 1003 + 1];
    struct random random = random_seed(1, 2, 3);
    for (size_t i = 0; i < 1003; i++) {
        numbers[i] =
            (float)ldexp(random_uniform(&random) - 0.5, (int)random_below(&random, 50) - 30);
    }
    fp16_write(bytes + 1, numbers, 1003);
    for (size_t i = 0; i < 1003; i++) {
        uint16_t half;
        memcpy(&half, bytes + 1 + 2 * i, 2);
        assert_int_equal(half, fp16_from_float(numbers[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_halves),
                                       cmocka_unit_test(test_rounding),
                                       cmocka_unit_test(test_arrays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
