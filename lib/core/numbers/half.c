// Conversion by bit arithmetic, branch-free so that the loops vectorise; the same on every
// processor.
#include "core/numbers/half.h"

#include "core/simd.h"

#include <string.h>

static inline float float_of(uint32_t bits) {
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static inline uint32_t bits_of(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

// The half's exponent and mantissa, moved up, are a float 2^112 times too small; multiplying is
// exact, for subnormal halves too. Infinity and NaN get the float's greatest exponent.
static inline float to_float(uint16_t half) {
    const uint32_t magnitude = (uint32_t)(half & 0x7FFF) << 13;
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t scaled = bits_of(float_of(magnitude) * 0x1p112f);
    const uint32_t special = (half & 0x7C00) == 0x7C00 ? 0x7F800000u : 0;
    return float_of(scaled | special | sign);
}

// Normal results round by adding half of the last kept bit, less one where that bit is even.
// Subnormal ones let the float adder round: 0.5's last bit is worth a subnormal half's.
static inline uint16_t from_float(float number) {
    const uint32_t bits = bits_of(number);
    const uint32_t magnitude = bits & 0x7FFFFFFF;
    const uint32_t sign = (bits >> 16) & 0x8000;
    const uint32_t odd = (magnitude >> 13) & 1;
    const uint32_t normal = (magnitude + 0xFFF + odd - (112u << 23)) >> 13;
    const uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
    const uint32_t nan = 0x7E00;
    uint32_t half = magnitude < (113u << 23) ? subnormal : normal;
    half = magnitude >= 0x477FF000 ? 0x7C00 : half;
    half = magnitude > 0x7F800000 ? nan : half;
    return (uint16_t)(half | sign);
}

float half_to_float(uint16_t half) {
    return to_float(half);
}

uint16_t half_from_float(float number) {
    return from_float(number);
}

VECTORISED void half_read(float *numbers, const void *halves, size_t count) {
    const unsigned char *bytes = halves;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        numbers[i] = to_float(half);
    }
}

VECTORISED void half_write(void *halves, const float *numbers, size_t count) {
    unsigned char *bytes = halves;
    for (size_t i = 0; i < count; i++) {
        const uint16_t half = from_float(numbers[i]);
        memcpy(bytes + 2 * i, &half, sizeof half);
    }
}
