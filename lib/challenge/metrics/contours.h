// How far the contours of two masks lie from each other.
#ifndef PLEURA_CHALLENGE_METRICS_CONTOURS_H
#define PLEURA_CHALLENGE_METRICS_CONTOURS_H

#include "image/runs.h"

struct contour_scores {
    // The Hausdorff distance in pixels, of which the percentile 95 counts: of the edge pixels
    // (those with a neighbour to the sides, above or below that is none of the mask, or outside of
    // the image) of each mask the percentile of their distances to the other's; the larger of the
    // two. As MONAI's compute_hausdorff_distance has it. NaN where a mask is empty.
    double hausdorff;
    // The normalised surface Dice: the share of both contours' length that lies within the
    // tolerance of the other's, contours running through the corners of pixels (Nikolov et al.
    // 2021, doi:10.2196/26151). 1 where both masks are empty, 0 where one is.
    double surface_dice;
};

// Compares two masks of height x width; the tolerance is in pixels. Fails without memory.
CHECKED bool contours_compare(struct contour_scores *scores, const struct runs *truth,
                              const struct runs *prediction, size_t height, size_t width,
                              double tolerance, struct error *error);

#endif
