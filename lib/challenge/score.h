// The challenge's scores of predicted masks against true ones.
#ifndef PLEURA_CHALLENGE_SCORE_H
#define PLEURA_CHALLENGE_SCORE_H

#include "challenge/metrics/bootstrap.h"

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

// The 95 % bootstrap interval of the images' mean Dice. At least one image. Fails without memory.
CHECKED bool score_interval(const struct overlap *overlaps, size_t count,
                            const struct bootstrap *bootstrap, struct interval *interval,
                            struct error *error);

#endif
