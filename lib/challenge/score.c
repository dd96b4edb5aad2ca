// Scores from counted pixels.
#include "challenge/score.h"

#include <stdlib.h>

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

bool score_interval(const struct overlap *overlaps, size_t count, const struct bootstrap *bootstrap,
                    struct interval *interval, struct error *error) {
    double *dice = malloc(count * sizeof *dice);
    if (dice == NULL) {
        return fail(error, "no memory for %zu images", count);
    }
    for (size_t i = 0; i < count; i++) {
        dice[i] = overlap_dice(overlaps[i]);
    }
    const bool drawn = bootstrap_mean(bootstrap, dice, count, interval, error);
    free(dice);
    return drawn;
}
