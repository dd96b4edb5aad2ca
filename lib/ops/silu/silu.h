// The sigmoid linear unit (Elfwing, Uchibe, Doya 2018, arXiv 1702.03118), for its kernels.
#ifndef PLEURA_OPS_SILU_SILU_H
#define PLEURA_OPS_SILU_SILU_H

#include "core/numbers/exponential.h"

// x * sigmoid(x).
ON_DEVICE static inline float silu_of(float x) {
    return x * sigmoid_of(x, exp_negative(-fabsf(x)));
}

// Its slope: s + x s (1 - s), with s = sigmoid(x).
ON_DEVICE static inline float silu_slope(float x) {
    const float s = sigmoid_of(x, exp_negative(-fabsf(x)));
    return s + x * s * (1.0f - s);
}

#endif
