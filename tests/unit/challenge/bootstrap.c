// bootstrap: means and other scores are resampled alike, and what has no value does not count.
#include "challenge/metrics/bootstrap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT 50

static double weighted_mean(const void *context, const uint32_t *weights) {
    const double *values = context;
    double sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        sum += weights[i] * values[i];
    }
    return sum / COUNT;
}

// Has no value where the first image is not drawn.
static double often_none(const void *context, const uint32_t *weights) {
    return weights[0] > 0 ? weighted_mean(context, weights) : (double)NAN;
}

static double never(const void *context, const uint32_t *weights) {
    (void)context;
    (void)weights;
    return (double)NAN;
}

static void test_alike(void **state) {
    (void)state;
    const struct bootstrap bootstrap = {.resamples = 999, .seed = 3};
    double values[COUNT];
    struct interval mean;
    struct interval score;
    struct error error;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = sin((double)i);
    }
    assert_true(bootstrap_mean(&bootstrap, values, COUNT, &mean, &error));
    assert_true(bootstrap_score(&bootstrap, weighted_mean, values, COUNT, &score, &error));
    assert_true(fabs(mean.low - score.low) < 1e-12 && fabs(mean.high - score.high) < 1e-12);
    // Normal theory: 1.96 standard errors to each side, of a mean near 0 and a variance near 1/2
    assert_true(fabs(mean.high - mean.low - 2 * 1.96 * sqrt(0.5 / COUNT)) < 0.05);
    assert_true(bootstrap_score(&bootstrap, often_none, values, COUNT, &score, &error));
    assert_true(score.low < score.high && score.low != mean.low);
    assert_true(bootstrap_score(&bootstrap, never, values, COUNT, &score, &error));
    assert_true(isnan(score.low) && isnan(score.high));
}

static void test_percentiles(void **state) {
    (void)state;
    double numbers[] = {4, 1, 3, 2};
    sort_numbers(numbers, 4);
    assert_true(percentile(numbers, 4, 0) == 1 && percentile(numbers, 4, 1) == 4);
    assert_true(percentile(numbers, 4, 0.5) == 2.5 &&
                fabs(percentile(numbers, 4, 0.9) - 3.7) < 1e-15);
    assert_true(percentile(numbers, 1, 0.3) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alike),
        cmocka_unit_test(test_percentiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
