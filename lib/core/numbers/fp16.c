// Conversion by bit arithmetic, branch-free so that the loops vectorise; the same on every
// processor.
#include "core/numbers/fp16.h"

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

// The fp16's exponent and mantissa, moved up, are a float 2^112 times too small; multiplying is
// exact, for subnormal numbers too. Infinity and NaN get the float's greatest exponent.
static inline float to_float(uint16_t fp16) {
    const uint32_t magnitude = (uint32_t)(fp16 & 0x7FFF) << 13;
    const uint32_t sign = (uint32_t)(fp16 & 0x8000) << 16;
    const uint32_t scaled = bits_of(float_of(magnitude) * 0x1p112f);
    const uint32_t special = (fp16 & 0x7C00) == 0x7C00 ? 0x7F800000u : 0;
    return float_of(scaled | special | sign);
}

// Normal results round by adding half of the last kept bit, less one where that bit is even.
// Subnormal ones let the float adder round: 0.5's last bit is worth a subnormal fp16's.
static inline uint16_t from_float(float number) {
    const uint32_t bits = bits_of(number);
    const uint32_t magnitude = bits & 0x7FFFFFFF;
    const uint32_t sign = (bits >> 16) & 0x8000;
    const uint32_t odd = (magnitude >> 13) & 1;
    const uint32_t normal = (magnitude + 0xFFF + odd - (112u << 23)) >> 13;
    const uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
    const uint32_t nan = 0x7E00;
    uint32_t fp16 = magnitude < (113u << 23) ? subnormal : normal;
    fp16 = magnitude >= 0x477FF000 ? 0x7C00 : fp16;
    fp16 = magnitude > 0x7F800000 ? nan : fp16;
    return (uint16_t)(fp16 | sign);
}

float fp16_to_float(uint16_t fp16) {
    return to_float(fp16);
}

uint16_t fp16_from_float(float number) {
    return from_float(number);
}

VECTORISED void fp16_read(float *numbers, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t fp16;
        memcpy(&fp16, (const unsigned char *)bytes + 2 * i, sizeof fp16);
        numbers[i] = to_float(fp16);
    }
}

VECTORISED void fp16_write(void *bytes, const float *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint16_t fp16 = from_float(numbers[i]);
        memcpy((unsigned char *)bytes + 2 * i, &fp16, sizeof fp16);
    }
}
