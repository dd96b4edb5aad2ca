// exp as a short polynomial, for loops that should vectorise and give the same bytes on every
// processor.
#ifndef PLEURA_CORE_EXPONENTIAL_H
#define PLEURA_CORE_EXPONENTIAL_H

#include "core/device.h"

#include <stdint.h>
#include <string.h>

// exp(x) for x <= 0, within 3e-7 of it; 0 below -87: 2^n * e^r with |r| <= ln(2)/2, e^r to the
// sixth power.
ON_DEVICE static inline float exp_negative(float x) {
    const float clamped = x < -87.0f ? -87.0f : x;
    const float rounder = 0x1.8p23f; // adding it leaves the nearest integer in the low bits
    const float shifted = clamped * 0x1.715476p+0f + rounder;
    const float n = shifted - rounder;
    const float r = (clamped - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
    float e = 1.0f / 720;
    e = e * r + 1.0f / 120;
    e = e * r + 1.0f / 24;
    e = e * r + 1.0f / 6;
    e = e * r + 0.5f;
    e = e * r + 1.0f;
    e = e * r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23; // 2^n
    float power;
    memcpy(&power, &bits, sizeof power);
    return x < -87.0f ? 0.0f : e * power;
}

#endif
