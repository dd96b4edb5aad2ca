// What an optimiser's update works on.
#ifndef PLEURA_OPTIMIZER_UPDATE_H
#define PLEURA_OPTIMIZER_UPDATE_H

#include "optimizer/radam/radam.h"

// Arrays of all learned parameters, those that decay first.
struct update {
    float *values, *gradients, *mean, *variance;
    size_t decaying, count;
    const struct radam_step *factors; // two: of those that decay, of the others
    int64_t *bad;                     // answer: the first gradient that is not finite, or INT64_MAX
};

#endif
