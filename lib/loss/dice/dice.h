// Soft Dice for the host and for devices: a map's value and a pixel's derivative.
#ifndef PLEURA_LOSS_DICE_DICE_H
#define PLEURA_LOSS_DICE_DICE_H

#include "core/numbers/exponential.h"

enum { DICE_SMOOTHING, DICE_EMPTY }; // of the settings

// Of a map: Dice, and what its derivatives are made of.
struct dice_quotient {
    double dice;
    float inverse; // 1 / the quotient's denominator
    float base, lesion;
};

// 2 (sum(p t) + e sum((1 - p) (1 - t))) + smoothing over sum(p) + sum(t) + e (sum(1 - p) + sum(1 -
// t)) + smoothing: of `pixels` pixels, with `both` sum(p t), `predicted` sum(p), `lesion` sum(t)
// and `empty` the weight e of what is no lesion.
ON_DEVICE static inline struct dice_quotient dice_of_sums(double both, double predicted,
                                                          double lesion, double pixels,
                                                          const double *values) {
    const double empty = values[DICE_EMPTY];
    const double neither = pixels - predicted - lesion + both;
    const double areas =
        predicted + lesion + empty * (2 * pixels - predicted - lesion) + values[DICE_SMOOTHING];
    struct dice_quotient quotient;
    quotient.dice = (2 * (both + empty * neither) + values[DICE_SMOOTHING]) / areas;
    quotient.inverse = (float)(1 / areas);
    quotient.base = (float)(quotient.dice * (1 - empty) + 2 * empty);
    quotient.lesion = (float)(2 + 2 * empty);
    return quotient;
}

ON_DEVICE static inline float dice_probability(float z) {
    return sigmoid_of(z, exp_negative(z < 0 ? z : -z));
}

// The derivative of 1 - Dice by the logit of a pixel with probability p and target t (0 or 1).
ON_DEVICE static inline float dice_derivative(float p, float t,
                                              const struct dice_quotient *quotient) {
    return (quotient->base - quotient->lesion * t) * quotient->inverse * p * (1.0f - p);
}

#endif
