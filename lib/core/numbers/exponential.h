// exp as a short polynomial, for loops that should vectorise and give the same bytes on every
// processor.
#ifndef PLEURA_CORE_NUMBERS_EXPONENTIAL_H
#define PLEURA_CORE_NUMBERS_EXPONENTIAL_H

#include "core/device.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

// e^r, where x = n ln(2) + r, |r| <= ln(2)/2, within 2e-7 of it: the polynomial of degree 5 with
// the least relative error there whose first two terms are 1 + r. *power has the integer n in its
// low bits.
ON_DEVICE static inline float exp_of_rest(float x, uint32_t *power) {
    const float rounder = 0x1.8p23f; // adding it leaves the nearest integer in the low bits
    const float shifted = fmaf(x, 0x1.715476p+0f, rounder);
    const float n = shifted - rounder;
    const float r = fmaf(n, -0x1.7f7d1cp-20f, fmaf(n, -0x1.62e4p-1f, x));
    float e = 0x1.10625p-7f;
    e = fmaf(e, r, 0x1.572a64p-5f);
    e = fmaf(e, r, 0x1.5557bp-3f);
    e = fmaf(e, r, 0x1.fffdfcp-2f);
    e = fmaf(e, r, 1.0f);
    e = fmaf(e, r, 1.0f);
    memcpy(power, &shifted, sizeof *power);
    return e;
}

// x * 2^power.
ON_DEVICE static inline float exp_times_power(float x, uint32_t power) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits += power << 23;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// exp(x) for x <= 0, within 2e-7 of it; about 0 below -87.
ON_DEVICE static inline float exp_negative(float x) {
    uint32_t power;
    const float e = exp_of_rest(x < -87.0f ? -87.0f : x, &power);
    return exp_times_power(e, power);
}

// exp(-x) within 2e-7 of it, of numbers of either sign; about 0 above 87, and not above e^87 below
// -87. NaN counts as one of these two. Magnitudes are held as integers, which processors compare in
// one instruction.
ON_DEVICE static inline float exp_of_minus_held(float x) {
    const uint32_t sign = 0x80000000u;
    const uint32_t most = 0x42AE0000u; // 87
    uint32_t bits;
    uint32_t power;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t magnitude = bits & ~sign;
    const uint32_t held = (magnitude < most ? magnitude : most) | (~bits & sign);
    float minus_x;
    memcpy(&minus_x, &held, sizeof minus_x);
    const float e = exp_of_rest(minus_x, &power);
    return exp_times_power(e, power);
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
