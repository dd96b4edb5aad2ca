// Resamples, each with a generator of its own.
#include "challenge/metrics/bootstrap.h"

#include "core/numbers/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Which draws belong together, for random_seed.
#define DRAW_RESAMPLE 100

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

void sort_numbers(double *numbers, size_t count) {
    qsort(numbers, count, sizeof *numbers, ascending);
}

double percentile(const double *sorted, size_t count, double share) {
    const double position = share * (double)(count - 1);
    const size_t below = (size_t)position;
    const size_t above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (position - (double)below) * (sorted[above] - sorted[below]);
}

static void find_interval(double *scores, size_t count, struct interval *interval) {
    *interval = (struct interval){(double)NAN, (double)NAN};
    if (count > 0) {
        sort_numbers(scores, count);
        interval->low = percentile(scores, count, 0.025);
        interval->high = percentile(scores, count, 0.975);
    }
}

static bool no_memory(const struct bootstrap *bootstrap, size_t count, struct error *error) {
    return fail(error, "no memory for %zu resamples of %zu images", bootstrap->resamples, count);
}

bool bootstrap_mean(const struct bootstrap *bootstrap, const double *values, size_t count,
                    struct interval *interval, struct error *error) {
    double *means = malloc(bootstrap->resamples * sizeof *means);
    if (means == NULL) {
        return no_memory(bootstrap, count, error);
    }
    for (size_t r = 0; r < bootstrap->resamples; r++) {
        struct random random = random_seed(bootstrap->seed, DRAW_RESAMPLE, r);
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += values[random_below(&random, count)];
        }
        means[r] = sum / (double)count;
    }
    find_interval(means, bootstrap->resamples, interval);
    free(means);
    return true;
}

bool bootstrap_score(const struct bootstrap *bootstrap, bootstrap_statistic *statistic,
                     const void *context, size_t count, struct interval *interval,
                     struct error *error) {
    double *scores = malloc(bootstrap->resamples * sizeof *scores);
    uint32_t *weights = malloc(count * sizeof *weights);
    size_t valid = 0;
    if (scores == NULL || weights == NULL) {
        free(scores);
        free(weights);
        return no_memory(bootstrap, count, error);
    }
    for (size_t r = 0; r < bootstrap->resamples; r++) {
        struct random random = random_seed(bootstrap->seed, DRAW_RESAMPLE, r);
        memset(weights, 0, count * sizeof *weights);
        for (size_t i = 0; i < count; i++) {
            weights[random_below(&random, count)]++;
        }
        scores[valid] = statistic(context, weights);
        valid += isnan(scores[valid]) ? 0 : 1;
    }
    find_interval(scores, valid, interval);
    free(scores);
    free(weights);
    return true;
}
