// Arithmetic of the phantoms: only operations that IEEE 754 rounds the same everywhere, so no
// function of libm but sqrt and floor, and no contraction into fused multiply-adds.
#ifndef PLEURA_PHANTOM_MATH_H
#define PLEURA_PHANTOM_MATH_H

#include "core/numbers/random.h"

#include <math.h>
#include <stdbool.h>

// GCC does not contract in ISO mode; Clang does unless told.
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#define PHANTOM_PI 3.14159265f

static inline float smaller(float a, float b) {
    return a < b ? a : b;
}

static inline float larger(float a, float b) {
    return a > b ? a : b;
}

static inline float clamp01(float x) {
    return smaller(larger(x, 0.0f), 1.0f);
}

static inline float between(float from, float to, float t) {
    return from + (to - from) * t;
}

// Smooth step from 0 at x <= 0 to 1 at x >= 1.
static inline float smooth01(float x) {
    const float t = clamp01(x);
    return t * t * (3.0f - 2.0f * t);
}

// Smooth step across a boundary at distance 0, `half_width` to either side.
static inline float inside(float distance, float half_width) {
    return smooth01(0.5f + 0.5f * distance / half_width);
}

// 1 at 0, falling smoothly to 0 at +-1.
static inline float bump(float x) {
    const float t = larger(1.0f - x * x, 0.0f);
    return t * t;
}

// Sine by its series around 0, after reduction to a quarter period: error below 4e-6.
static inline float sine(float radians) {
    float x = radians - 2.0f * PHANTOM_PI * floorf(radians / (2.0f * PHANTOM_PI) + 0.5f);
    x = x > PHANTOM_PI / 2 ? PHANTOM_PI - x : x;
    x = x < -PHANTOM_PI / 2 ? -PHANTOM_PI - x : x;
    const float s = x * x;
    return x * (1.0f + s * (-1.0f / 6 + s * (1.0f / 120 + s * (-1.0f / 5040 + s / 362880))));
}

static inline float cosine(float radians) {
    return sine(radians + PHANTOM_PI / 2);
}

// exp(x) for |x| below about 4 as (1 + x/256)^256: within some per cent, which is enough for draws.
static inline float exponential(float x) {
    float power = 1.0f + x / 256.0f;
    for (int i = 0; i < 8; i++) {
        power *= power;
    }
    return power;
}

// Draws stand in statements of their own: which argument of a call is made first differs between
// processors.
static inline float uniform(struct random *random, float from, float to) {
    return between(from, to, (float)random_uniform(random));
}

static inline bool chance(struct random *random, float probability) {
    return random_uniform(random) < (double)probability;
}

// Roughly normal with deviation 1, within +-3: six uniform draws.
static inline float normal(struct random *random) {
    float sum = 0.0f;
    for (int i = 0; i < 6; i++) {
        sum += uniform(random, -0.5f, 0.5f);
    }
    return sum * 1.41421356f;
}

#endif
