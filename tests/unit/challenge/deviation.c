// ensemble_deviation: weights, element types, numbers that hardly differ.
#include "challenge/ensemble.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct tensor row(enum dtype type, size_t length, const void *data) {
    return tensor_plane(type, 1, length, data);
}

// Numbers that hardly differ: what a difference of sums of squares would lose.
static void test_deviation(void **state) {
    (void)state;
    enum { LENGTH = 1030 }; // more than a block
    static double doubles[2][LENGTH];
    static double deviation[LENGTH];
    const double weights[] = {3, 1};
    uint16_t half;
    for (size_t i = 0; i < LENGTH; i++) {
        doubles[0][i] = 1e6 + (double)i;
        doubles[1][i] = 1e6 + (double)i + 0x1p-10;
    }
    const struct tensor tensors[] = {row(DTYPE_F8, LENGTH, doubles[0]),
                                     row(DTYPE_F8, LENGTH, doubles[1])};
    const struct tensor *inputs[] = {&tensors[0], &tensors[1]};
    // With weights of 3/4 and 1/4: sqrt(3/4 1/4) of the distance.
    ensemble_deviation(inputs, weights, 2, DTYPE_F8, deviation);
    for (size_t i = 0; i < LENGTH; i++) {
        assert_true(fabs(deviation[i] / (sqrt(3) / 4 * 0x1p-10) - 1) < 1e-6);
    }
    ensemble_deviation(inputs, weights, 1, DTYPE_F8, deviation);
    assert_true(deviation[0] == 0 && deviation[LENGTH - 1] == 0);
    const float floats[] = {0.25f};
    const uint16_t halves[] = {0x3A00}; // 0.75
    const struct tensor mixed[] = {row(DTYPE_F4, 1, floats), row(DTYPE_F2, 1, halves)};
    const struct tensor *both[] = {&mixed[0], &mixed[1]};
    const double alike[] = {1, 1};
    ensemble_deviation(both, alike, 2, DTYPE_F2, &half);
    assert_int_equal(half, 0x3400); // 0.25
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deviation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
