// Curves behind the scores of probabilities, for a report to draw.
#ifndef PLEURA_CHALLENGE_METRICS_CURVES_H
#define PLEURA_CHALLENGE_METRICS_CURVES_H

#include "challenge/metrics/probabilities.h"

// From (0, 0) on, in the order of falling thresholds. A point between two others on one straight
// line is left out. Starts as zeros.
struct curve {
    struct curve_point {
        double x, y;
    } * points;
    size_t count, capacity;
};

// The ROC curve of the images' scores: the share of images without a lesion, and of those with one,
// whose score is at least a threshold. Without an image of either kind it stays empty. All after
// probabilities_sort; fails without memory.
CHECKED bool curve_of_images(struct curve *curve, const struct probability_scores *scores,
                             struct error *error);

// The free-response ROC: false detections an image, and the share of lesions that are found.
// Without a lesion it stays empty.
CHECKED bool curve_of_lesions(struct curve *curve, const struct probability_scores *scores,
                              struct error *error);

void curve_free(struct curve *curve);

// The pixels of all images whose probability lies within a bin (see struct calibration_bin).
struct reliability {
    uint64_t pixels;
    double probability, lesion; // the mean probability, and the share of lesion; NaN without pixels
};

// That of bin number `bin`, from 0.
struct reliability reliability_of_bin(const struct probability_scores *scores, size_t bin);

#endif
