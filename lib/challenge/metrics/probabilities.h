// What probabilities are worth before any threshold: how well they rank images, find lesions, and
// whether they are as likely as they say.
#ifndef PLEURA_CHALLENGE_METRICS_PROBABILITIES_H
#define PLEURA_CHALLENGE_METRICS_PROBABILITIES_H

#include "image/geometry/components.h"
#include "stream/record.h"

#define CALIBRATION_BINS 20

enum image_score { IMAGE_LARGEST, IMAGE_SUM }; // of the probabilities of an image's pixels

// A part of a map above a threshold; its score is its largest probability. Of those that hit one
// lesion the likeliest counts, and the others not at all.
struct detection {
    double score;
    uint32_t image;
    bool hit; // its most probable pixel lies in a lesion
};

// Pixels whose probability lies within a bin's twentieth.
struct calibration_bin {
    uint32_t count, lesion;
    double sum; // of their probabilities
};

// What was measured. Starts with the first two and zeros.
struct probability_scores {
    enum image_score score;
    double candidate; // a detection is a part (8-connectivity) of what lies above
    struct probability_image {
        double score;
        double brier; // sum of (probability - truth)^2
        uint64_t pixels;
        uint32_t lesions; // parts of the true mask (8-connectivity)
        struct calibration_bin bins[CALIBRATION_BINS];
    } * images;
    size_t count, image_capacity;
    uint32_t *order; // of the images, by descending score
    struct detection *detections;
    size_t detection_count, detection_capacity;
    // Memory for one image after the other
    double *map;        // the probabilities, row-major
    struct peak *peaks; // of the detections, by their parts
    double *best;       // the score of the likeliest detection of each lesion; 0: none
    size_t map_capacity, peak_capacity, best_capacity;
    struct image mask;
    struct runs runs;
    struct components found, lesions;
};

// Measures one more image: a record of probabilities (see mask_from_probability), whose true mask
// is `truth`, with the same height and width. Fails as mask_from_probability does, for numbers
// outside of 0 to 1, and without memory.
CHECKED bool probabilities_add(struct probability_scores *scores, const struct record *record,
                               const struct runs *truth, struct error *error);

// Sorts what was measured, before any of the following. Fails without memory.
CHECKED bool probabilities_sort(struct probability_scores *scores, struct error *error);

// The scores, each of images of which image i counts weights[i] times (see bootstrap_score); the
// context is the struct above. NaN where there is no value.
//
// Area under the ROC curve of the images' scores, a tie counting half (Hanley and McNeil 1982);
// average precision: the sum over scores of (recall gained) x precision, without interpolation.
// Both as scikit-learn has them. NaN without an image with and one without a lesion; without one
// with a lesion.
double score_roc_area(const void *context, const uint32_t *weights);
double score_average_precision(const void *context, const uint32_t *weights);

// The free-response ROC: the mean of the sensitivities (share of lesions found) at 1/4, 1/2, 1, 2,
// 4 and 8 false detections an image, interpolated linearly; as in the CAMELYON16 challenge and
// MONAI. NaN without a lesion.
double score_froc(const void *context, const uint32_t *weights);

// The mean over pixels of (probability - truth)^2 (Brier 1950).
double score_brier(const void *context, const uint32_t *weights);

// The expected calibration error: the mean over pixels of the difference between a bin's mean
// probability and its share of lesion (Guo et al. 2017).
double score_calibration_error(const void *context, const uint32_t *weights);

void probabilities_free(struct probability_scores *scores);

#endif
