// The challenge's scores of predicted masks against true ones.
#ifndef PLEURA_CHALLENGE_SCORE_H
#define PLEURA_CHALLENGE_SCORE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// One image's pixels in the true mask, in the predicted one, in both, and in all.
struct overlap {
    uint64_t truth, prediction, both, pixels;
};

// 2 both / (truth + prediction); 1 when both masks are empty.
double overlap_dice(struct overlap overlap);

// "Empty" and "lesion" tell of the true mask; the mean over no images is 0.
struct scores {
    size_t images, empty, lesion;
    double dice, dice_empty, dice_lesion; // means over images
    double accuracy_empty;                // share of the empty ones that are predicted empty
    double accuracy_lesion;               // share of the others with any prediction
    double accuracy;                      // (right empty + weight * found lesion) / images
    double mean_iou; // over the pixels of all images: mean of background's and lesion's
                     // intersection over union; a class that nobody has is left out
};

// Scores `count` images; weight is that of a found lesion in `accuracy`.
struct scores score_images(const struct overlap *overlaps, size_t count, double weight);

struct interval {
    double low, high;
};

// The 95 % percentile bootstrap interval of the images' mean Dice (Efron 1979): `resamples` means
// of `count` images drawn with replacement; the percentiles 2.5 and 97.5 are interpolated linearly.
// At least one image and one resample. Fails without memory.
CHECKED bool score_interval(const struct overlap *overlaps, size_t count, size_t resamples,
                            uint64_t seed, struct interval *interval, struct error *error);

#endif
