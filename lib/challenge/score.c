// Scores from counted pixels.
#include "challenge/score.h"

#include "core/numbers/random.h"

#include <stdlib.h>

// Which draws belong together, for random_seed.
#define DRAW_RESAMPLE 100

double overlap_dice(struct overlap overlap) {
    const uint64_t total = overlap.truth + overlap.prediction;
    return total == 0 ? 1.0 : 2.0 * (double)overlap.both / (double)total;
}

static double ratio(double sum, size_t count) {
    return count > 0 ? sum / (double)count : 0;
}

static double mean_iou(const struct overlap *overlaps, size_t count) {
    struct overlap all = {.pixels = 0};
    for (size_t i = 0; i < count; i++) {
        all.truth += overlaps[i].truth;
        all.prediction += overlaps[i].prediction;
        all.both += overlaps[i].both;
        all.pixels += overlaps[i].pixels;
    }
    const uint64_t lesion = all.truth + all.prediction - all.both;
    double sum = 0;
    size_t classes = 0;
    if (all.pixels > all.both) {
        sum += (double)(all.pixels - lesion) / (double)(all.pixels - all.both);
        classes++;
    }
    if (lesion > 0) {
        sum += (double)all.both / (double)lesion;
        classes++;
    }
    return ratio(sum, classes);
}

struct scores score_images(const struct overlap *overlaps, size_t count, double weight) {
    struct scores scores = {.images = count};
    double dice_empty = 0;
    double dice_lesion = 0;
    double found = 0;
    for (size_t i = 0; i < count; i++) {
        if (overlaps[i].truth == 0) {
            scores.empty++;
            dice_empty += overlap_dice(overlaps[i]);
        } else {
            scores.lesion++;
            dice_lesion += overlap_dice(overlaps[i]);
            found += overlaps[i].prediction > 0;
        }
    }
    scores.dice = ratio(dice_empty + dice_lesion, count);
    scores.dice_empty = ratio(dice_empty, scores.empty);
    scores.dice_lesion = ratio(dice_lesion, scores.lesion);
    scores.accuracy = ratio(dice_empty + weight * found, count);
    scores.accuracy_empty = scores.dice_empty;
    scores.accuracy_lesion = ratio(found, scores.lesion);
    scores.mean_iou = mean_iou(overlaps, count);
    return scores;
}

// ---- the bootstrap

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

// Linear interpolation between the sorted values (Hyndman and Fan's type 7).
static double percentile(const double *sorted, size_t count, double share) {
    const double place = share * (double)(count - 1);
    const size_t below = (size_t)place;
    const size_t above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

bool score_interval(const struct overlap *overlaps, size_t count, size_t resamples, uint64_t seed,
                    struct interval *interval, struct error *error) {
    double *dice = malloc(count * sizeof *dice);
    double *means = malloc(resamples * sizeof *means);
    const bool memory = dice != NULL && means != NULL;
    for (size_t i = 0; memory && i < count; i++) {
        dice[i] = overlap_dice(overlaps[i]);
    }
    for (size_t r = 0; memory && r < resamples; r++) {
        struct random random = random_seed(seed, DRAW_RESAMPLE, r);
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += dice[random_below(&random, count)];
        }
        means[r] = sum / (double)count;
    }
    if (memory) {
        qsort(means, resamples, sizeof *means, ascending);
        interval->low = percentile(means, resamples, 0.025);
        interval->high = percentile(means, resamples, 0.975);
    }
    free(dice);
    free(means);
    return memory || fail(error, "no memory for %zu resamples of %zu images", resamples, count);
}
