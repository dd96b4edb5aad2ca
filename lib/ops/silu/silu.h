// The sigmoid linear unit (Elfwing, Uchibe, Doya 2018, arXiv 1702.03118), for its kernels.
#ifndef PLEURA_OPS_SILU_SILU_H
#define PLEURA_OPS_SILU_SILU_H

#include "core/numbers/exponential.h"

// 1 + exp(-x), of which sigmoid(x) is the inverse; of NaN a number.
ON_DEVICE static inline float silu_divisor(float x) {
    return 1.0f + exp_of_minus_held(x);
}

// x * sigmoid(x).
ON_DEVICE static inline float silu_of(float x) {
    return x / silu_divisor(x);
}

// Its slope: s + x s (1 - s), with s = sigmoid(x).
ON_DEVICE static inline float silu_slope(float x) {
    const float s = 1.0f / silu_divisor(x);
    return s + x * s * (1.0f - s);
}

#endif
