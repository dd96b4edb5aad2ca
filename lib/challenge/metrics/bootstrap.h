// Percentile bootstrap intervals (Efron 1979): what a score would be for other images of the same
// kind.
#ifndef PLEURA_CHALLENGE_METRICS_BOOTSTRAP_H
#define PLEURA_CHALLENGE_METRICS_BOOTSTRAP_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct bootstrap {
    size_t resamples; // at least 1
    uint64_t seed;
};

struct interval {
    double low, high;
};

// The 95 % interval of the mean of `count` values, at least one: the percentiles 2.5 and 97.5 of
// the means of `count` values drawn with replacement. Fails without memory.
CHECKED bool bootstrap_mean(const struct bootstrap *bootstrap, const double *values, size_t count,
                            struct interval *interval, struct error *error);

// A score of images of which image i comes weights[i] times; NaN where it has no value.
typedef double bootstrap_statistic(const void *context, const uint32_t *weights);

// The same interval of another score of `count` images. Resamples without a value do not count;
// where none has one, both ends are NaN.
CHECKED bool bootstrap_score(const struct bootstrap *bootstrap, bootstrap_statistic *statistic,
                             const void *context, size_t count, struct interval *interval,
                             struct error *error);

// Sorts numbers, none of which is NaN, in ascending order.
void sort_numbers(double *numbers, size_t count);

// The percentile (a share, 0 to 1) of at least one ascending number, interpolated linearly (Hyndman
// and Fan's type 7, numpy's default).
double percentile(const double *sorted, size_t count, double share);

#endif
