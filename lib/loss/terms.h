// What one pixel adds to the losses, for the host and for devices.
#ifndef PLEURA_LOSS_TERMS_H
#define PLEURA_LOSS_TERMS_H

#include "core/numbers/exponential.h"

#include <stdbool.h>

// log(1 + u) for 0 <= u <= 1: with s = u / (2 + u) it is 2 (s + s^3/3 + s^5/5 + ...), s <= 1/3.
ON_DEVICE static inline float log_one_plus(float u) {
    const float s = u / (2.0f + u);
    const float q = s * s;
    float sum = 1.0f / 13;
    sum = sum * q + 1.0f / 11;
    sum = sum * q + 1.0f / 9;
    sum = sum * q + 1.0f / 7;
    sum = sum * q + 1.0f / 5;
    sum = sum * q + 1.0f / 3;
    sum = sum * q + 1.0f;
    return 2.0f * s * sum;
}

// BCE of logit z against t (0 or 1); *sigmoid is z's.
ON_DEVICE static inline float bce_term(float z, float t, float *sigmoid) {
    const float magnitude = z < 0 ? -z : z;
    const float u = exp_negative(-magnitude);
    const float above = z > 0 ? z : 0;
    *sigmoid = (z < 0 ? u : 1.0f) / (1.0f + u);
    return above - z * t + log_one_plus(u);
}

// The hinge's error of a pixel, of the lesion or not: what is positive violates the margin.
ON_DEVICE static inline float hinge_error(float z, bool lesion, float margin_empty,
                                          float margin_lesion) {
    return lesion ? margin_lesion - z : margin_empty + z;
}

// The sum of the Jaccard losses of both classes where `seen` pixels of each have been seen, of
// `lesion` and `empty`; 0 where none has.
ON_DEVICE static inline double jaccard_losses(double lesion, double empty, double seen_lesion,
                                              double seen_empty) {
    const double first = lesion + seen_empty;
    const double second = empty + seen_lesion;
    return 2 - ((lesion - seen_lesion) * second + (empty - seen_empty) * first) / (first * second);
}

#endif
