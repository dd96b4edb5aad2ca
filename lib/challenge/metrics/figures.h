// Scores with their intervals, as programs print them.
#ifndef PLEURA_CHALLENGE_METRICS_FIGURES_H
#define PLEURA_CHALLENGE_METRICS_FIGURES_H

#include "challenge/metrics/bootstrap.h"
#include "challenge/metrics/contours.h"
#include "challenge/metrics/probabilities.h"

// NaN where there is no value.
struct figure {
    const char *key, *name; // in JSON, in a table
    double value;
    struct interval interval;
    size_t images; // of which the value is the mean; 0: of all
};

#define FIGURES_MAX 8

// Starts as zeros.
struct figures {
    size_t count;
    struct figure items[FIGURES_MAX];
};

// Adds the mean Hausdorff distance of the images that have one, and the mean surface Dice of those
// with `lesion[i]`, of `count` images, at least one. Fails without memory.
CHECKED bool figures_of_contours(struct figures *figures, const struct contour_scores *contours,
                                 const bool *lesion, size_t count,
                                 const struct bootstrap *bootstrap, struct error *error);

// Adds the scores of probabilities.h, of at least one image. Fails without memory.
CHECKED bool figures_of_probabilities(struct figures *figures, struct probability_scores *scores,
                                      const struct bootstrap *bootstrap, struct error *error);

#endif
