// exp as a short polynomial, for loops that should vectorise and give the same bytes on every
// processor.
#ifndef PLEURA_CORE_NUMBERS_EXPONENTIAL_H
#define PLEURA_CORE_NUMBERS_EXPONENTIAL_H

#include "core/device.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

// exp(x) for x <= 0, within 2e-7 of it; about 0 below -87: 2^n * e^r with |r| <= ln(2)/2, e^r by
// the polynomial of degree 5 with the least relative error there whose first two terms are 1 + r.
ON_DEVICE static inline float exp_negative(float x) {
    const float clamped = x < -87.0f ? -87.0f : x;
    const float rounder = 0x1.8p23f; // adding it leaves the nearest integer in the low bits
    const float shifted = fmaf(clamped, 0x1.715476p+0f, rounder);
    const float n = shifted - rounder;
    const float r = fmaf(n, -0x1.7f7d1cp-20f, fmaf(n, -0x1.62e4p-1f, clamped));
    float e = 0x1.10625p-7f;
    e = fmaf(e, r, 0x1.572a64p-5f);
    e = fmaf(e, r, 0x1.5557bp-3f);
    e = fmaf(e, r, 0x1.fffdfcp-2f);
    e = fmaf(e, r, 1.0f);
    e = fmaf(e, r, 1.0f);
    uint32_t power;
    uint32_t bits;
    memcpy(&power, &shifted, sizeof power);
    memcpy(&bits, &e, sizeof bits);
    bits += power << 23; // times 2^n
    memcpy(&e, &bits, sizeof e);
    return e;
}

// The sigmoid 1 / (1 + exp(-z)), from exp(-|z|).
ON_DEVICE static inline float sigmoid_of(float z, float exp_of_magnitude) {
    return (z < 0 ? exp_of_magnitude : 1.0f) / (1.0f + exp_of_magnitude);
}

// Below this, exp(x) is 0 where a softmax adds it to a sum of at least 1: float32 would need 10^18
// such terms to notice them. What is left is so large that products with it are not denormal, which
// processors are slow at.
#define SOFTMAX_MIN (-60.0f)

#endif
