// SiLU and its slope, against float64: ordinary numbers, and those of networks that have barely
// begun, which are of any size.
#include "ops/silu/silu.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_near(double value, double wanted, double scale) {
    assert_true(fabs(value - wanted) <= 1e-6 * (fabs(wanted) + scale));
}

static void values_are_the_formula(void **state) {
    (void)state;
    for (int i = -8000; i <= 8000; i++) {
        const float x = 0.01F * (float)i;
        const double s = 1 / (1 + exp(-(double)x));
        expect_near(silu_of(x), x * s, 1e-30);
        expect_near(silu_slope(x), s + x * s * (1 - s), 1);
    }
}

static void great_numbers_are_themselves_or_0(void **state) {
    static const float powers[] = {1e2F, 1e4F, 3e6F, 1e8F, 1e10F, 1e20F, 1e37F, 3e38F};
    (void)state;
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        assert_true(silu_of(powers[i]) == powers[i]);
        assert_true(silu_of(-powers[i]) <= 0);
        assert_true(silu_of(-powers[i]) >= -2e-38F * powers[i]);
        expect_near(silu_slope(powers[i]), 1, 0);
        assert_true(fabsf(silu_slope(-powers[i])) <= 2e-38F * powers[i]);
    }
    assert_true(silu_of(INFINITY) == INFINITY);
    assert_true(isnan(silu_of(NAN)) && isnan(silu_slope(NAN)));
    assert_true(isnan(silu_of(-NAN)) && isnan(silu_slope(-NAN)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_formula),
        cmocka_unit_test(great_numbers_are_themselves_or_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
