// Soft Dice for the host and for devices: a map's value and a pixel's derivative.
#ifndef PLEURA_LOSS_DICE_DICE_H
#define PLEURA_LOSS_DICE_DICE_H

#include "core/numbers/exponential.h"

enum { DICE_SMOOTHING }; // of the settings

// Of a map: Dice, and what it is a quotient by.
struct dice_quotient {
    double dice, areas;
};

// (2 both + smoothing) / (predicted + lesion + smoothing): sums of p t, p and t over the map.
ON_DEVICE static inline struct dice_quotient dice_of_sums(double both, double predicted,
                                                          double lesion, double smoothing) {
    struct dice_quotient quotient;
    quotient.areas = predicted + lesion + smoothing;
    quotient.dice = (2 * both + smoothing) / quotient.areas;
    return quotient;
}

ON_DEVICE static inline float dice_probability(float z) {
    return sigmoid_of(z, exp_negative(z < 0 ? z : -z));
}

// The derivative of 1 - Dice by the logit of a pixel with probability p and target t (0 or 1);
// `dice` and `inverse`, 1 / areas, are the quotient's.
ON_DEVICE static inline float dice_derivative(float p, float t, float dice, float inverse) {
    return (dice - 2.0f * t) * inverse * p * (1.0f - p);
}

#endif
