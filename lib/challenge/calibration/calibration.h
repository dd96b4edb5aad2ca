// Which rule is best: images are measured once, each at all thresholds of a grid; then every rule
// of the grid is scored by their Dice, on all folds or without one.
#ifndef PLEURA_CHALLENGE_CALIBRATION_CALIBRATION_H
#define PLEURA_CHALLENGE_CALIBRATION_CALIBRATION_H

#include "challenge/calibration/rule.h"
#include "challenge/calibration/steps.h"
#include "challenge/score.h"
#include "image/image.h"
#include "image/runs.h"

// The rules that are tried: each of these numbers with each of the others.
struct grid {
    struct steps decide, limits, mask;
    enum rule_limit kind; // of `limits`
};

size_t grid_size(const struct grid *grid);

// Rule number `index`, from 0: the mask's threshold varies fastest, then the limit.
struct rule grid_rule(const struct grid *grid, size_t index);

// Memory is 8 bytes an image for each threshold, and a few more. Starts with its grid and zeros.
struct calibration {
    struct grid grid;
    size_t count, folds; // images; the folds' numbers are below `folds`
    struct fold_image {
        size_t fold;
        uint64_t truth, pixels;
    } * images;
    int64_t *areas;           // images x decide
    struct overlap *overlaps; // images x mask
    size_t image_capacity, area_capacity, overlap_capacity;
    bool mask_failed; // what calibration_add failed for is the record that gives the mask
    struct image drawn;
    struct runs runs;
};

// Measures one more image of a fold: records of probabilities (see mask_from_probability) that
// decide and that give the mask, which may be the same; its true mask is `truth`. All have the same
// height and width. Fails as mask_from_probability does, for records of two sizes, and without
// memory.
CHECKED bool calibration_add(struct calibration *calibration, const struct record *deciding,
                             const struct record *segmenting, const struct runs *truth, size_t fold,
                             struct error *error);

#define NO_FOLD SIZE_MAX

// Scores all rules of the grid on the images of all folds but `without` (NO_FOLD: on all): means[i]
// is rule i's mean Dice. *best is the first rule of the highest mean. Fails without an image or
// memory.
CHECKED bool calibration_search(const struct calibration *calibration, size_t without,
                                double *means, size_t *best, struct error *error);

// What rule `index` makes of the images of one fold (NO_FOLD: of all): overlaps[i] of the images
// of that fold, in their order among all; others are left as they are. Fails without memory.
CHECKED bool calibration_apply(const struct calibration *calibration, size_t index, size_t fold,
                               struct overlap *overlaps, struct error *error);

void calibration_free(struct calibration *calibration);

#endif
