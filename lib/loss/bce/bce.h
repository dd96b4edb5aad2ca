// Balanced binary cross entropy for the host and for devices: what one pixel adds.
#ifndef PLEURA_LOSS_BCE_BCE_H
#define PLEURA_LOSS_BCE_BCE_H

#include "core/numbers/exponential.h"

enum { BCE_ALPHA, BCE_BALANCE }; // of the settings: the lesion's share; see bce_shares_of

// What a pixel of either kind counts.
struct bce_shares {
    double lesion, empty;
};

// Of batches with `lesion` pixels of lesion among `pixels`: with balance 1 alpha and 1 - alpha are
// spread over the pixels of a kind, with balance 0 all pixels count the same, between them both add
// up in these shares.
ON_DEVICE static inline struct bce_shares bce_shares_of(double lesion, double pixels,
                                                        const double *values) {
    const double balance = values[BCE_BALANCE];
    const double alpha = values[BCE_ALPHA];
    struct bce_shares shares;
    shares.lesion = balance * (alpha / (lesion + 1e-12)) + (1 - balance) / pixels;
    shares.empty = balance * ((1 - alpha) / (pixels - lesion + 1e-12)) + (1 - balance) / pixels;
    return shares;
}

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

// The cross entropy of logit z and target t (0 or 1), -t log(p) - (1 - t) log(1 - p) with p =
// sigmoid(z), within 3e-7; *derivative is p - t.
ON_DEVICE static inline float bce_of_logit(float z, float t, float *derivative) {
    const float magnitude = z < 0 ? -z : z;
    const float u = exp_negative(-magnitude);
    const float above = z > 0 ? z : 0;
    *derivative = sigmoid_of(z, u) - t;
    return above - z * t + log_one_plus(u);
}

#endif
