// How floats become int16, in loops that compilers make good vectors of.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_ROUNDING_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_ROUNDING_H

#include "backend/cpu/products/int16/int16.h"
#include "ops/convolution/cpu/winograd/transforms.h"

#include <string.h>

#define INFINITE 0x7F800000u
#define MIN_SCALE 0x1p-126F // below it there are denormal numbers, which are 0

// number * scale, rounded to an integer, which the lower half of the result's bits holds: those of
// a float of 1.5 * 2^23 are whole.
INLINE uint32_t rounded(float number, float scale) {
    const float sum = FUSED(number, scale, 12582912.0F);
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return bits;
}

// A pair as it lies in memory.
INLINE uint32_t pair_of(uint32_t first, uint32_t second) {
    return (first & 0xFFFFu) | second << 16;
}

INLINE uint32_t larger(uint32_t one, uint32_t other) {
    return one > other ? one : other;
}

// Without its sign, as bits: NaN is larger than all others.
INLINE uint32_t magnitude(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits & 0x7FFFFFFFu;
}

// The scale of numbers of up to this magnitude, which becomes the limit.
INLINE float scale_of(uint32_t most, float limit) {
    float largest;
    memcpy(&largest, &most, sizeof largest);
    const float scale = largest / limit;
    return most >= INFINITE ? NAN : scale < MIN_SCALE ? MIN_SCALE : scale;
}

#endif
