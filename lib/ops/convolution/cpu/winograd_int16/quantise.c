// Floats as int16, by scales. Loops are what compilers make good vectors of.
#include "ops/convolution/cpu/winograd_int16/quantise.h"

#include "backend/cpu/products/int16/int16.h"
#include "ops/convolution/cpu/winograd/transforms.h"

#include <string.h>

#define ALL_POINTS WINOGRAD_INT16_POINTS
#define INFINITE 0x7F800000u
#define MIN_SCALE 0x1p-126F // below it there are denormal numbers, which are 0
#define MIN_WEIGHT_SCALE 0x1p-113F

// Sums of 64 rounded numbers exceed those of the numbers by up to 32, and by float32's errors.
#define MAX_SUM ((float)CPU_INT16_B - 64)
#define MAX_WEIGHT 32760.0F

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

// ---- tiles

// The largest magnitudes of each lane's numbers, as bits of floats: NaN is larger than all others.
INLINE void largest_of_lanes(const float *numbers, const float *factors, size_t channels,
                             uint32_t largest[LANES]) {
    uint32_t most[LANES] = {0};
    for (size_t c = 0; c < channels; c += LANES) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            const float number = numbers[c + i] * factors[c + i];
            uint32_t bits;
            memcpy(&bits, &number, sizeof bits);
            most[i] = larger(most[i], bits & 0x7FFFFFFFu);
        }
    }
    memcpy(largest, most, sizeof most);
}

// The largest of each point's. All points' lanes are halved before those of four points become
// one vector.
INLINE void largest_of_points(const float *numbers, const float *factors, size_t channels,
                              uint32_t largest[ALL_POINTS]) {
    uint32_t sixteen[MAX_POINTS][LANES];
    uint32_t eight[MAX_POINTS][LANES / 2];
    uint32_t four[ALL_POINTS * LANES / 4] = {0};
    for (size_t point = 0; point < MAX_POINTS; point++) {
        largest_of_lanes(numbers + point * PART, factors, channels, sixteen[point]);
    }
    for (size_t point = 0; point < MAX_POINTS; point++) {
#pragma omp simd
        for (size_t i = 0; i < LANES / 2; i++) {
            eight[point][i] = larger(sixteen[point][i], sixteen[point][i + LANES / 2]);
        }
    }
    for (size_t point = 0; point < MAX_POINTS; point++) {
#pragma omp simd
        for (size_t i = 0; i < LANES / 4; i++) {
            four[4 * point + i] = larger(eight[point][i], eight[point][i + LANES / 4]);
        }
    }
#pragma omp simd
    for (size_t point = 0; point < ALL_POINTS; point++) {
        largest[point] = larger(larger(four[4 * point], four[4 * point + 1]),
                                larger(four[4 * point + 2], four[4 * point + 3]));
    }
}

// The scale of numbers of up to this magnitude.
INLINE float scale_of(uint32_t most) {
    float largest;
    memcpy(&largest, &most, sizeof largest);
    const float scale = largest / CPU_INT16_A;
    return most >= INFINITE ? NAN : scale < MIN_SCALE ? MIN_SCALE : scale;
}

INLINE void quantise_points(const float *numbers, const float *factors, size_t channels,
                            int16_t *to, size_t step, float *scales) {
    uint32_t largest[ALL_POINTS];
    float inverse[ALL_POINTS];
    largest_of_points(numbers, factors, channels, largest);
#pragma omp simd
    for (size_t point = 0; point < ALL_POINTS; point++) {
        scales[point] = scale_of(largest[point]);
        inverse[point] = 1 / scales[point];
    }
    for (size_t point = 0; point < MAX_POINTS; point++) {
        for (size_t c = 0; c < channels; c += 2 * (size_t)LANES) {
            const float *first = numbers + point * PART + c;
            uint32_t pairs[LANES];
#pragma omp simd
            for (size_t i = 0; i < LANES; i++) {
                pairs[i] =
                    pair_of(rounded(first[i], factors[c + i] * inverse[point]),
                            rounded(first[LANES + i], factors[c + LANES + i] * inverse[point]));
            }
            memcpy(to + point * step + c, pairs, sizeof pairs);
        }
    }
}

VECTORISED void quantise_tile(const float *numbers, const float *factors, size_t channels,
                              int16_t *to, size_t step, float scales[ALL_POINTS]) {
    if (channels == PART) {
        quantise_points(numbers, factors, PART, to, step, scales);
    } else {
        quantise_points(numbers, factors, channels, to, step, scales);
    }
}

// ---- weights

VECTORISED void measure_weights(const weights_at_points weights, float factor,
                                weights_at_points sums, weights_at_points largest) {
    const float inverse = 1 / factor;
    for (size_t point = 0; point < MAX_POINTS; point++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            const float weight = fabsf(weights[point][i] * inverse);
            sums[point][i] += weight;
            largest[point][i] = weight > largest[point][i] ? weight : largest[point][i];
        }
    }
}

VECTORISED void find_scales(const weights_at_points sums, const weights_at_points largest,
                            float *scales, size_t step) {
    for (size_t point = 0; point < MAX_POINTS; point++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            const float by_sum = sums[point][i] / MAX_SUM; // may be NaN
            const float by_largest = largest[point][i] / MAX_WEIGHT;
            const float scale = by_sum < by_largest ? by_largest : by_sum;
            scales[point * step + i] = scale < MIN_WEIGHT_SCALE ? MIN_WEIGHT_SCALE : scale;
        }
    }
}

VECTORISED void invert_scales(const float *scales, size_t step, weights_at_points inverse) {
    for (size_t point = 0; point < MAX_POINTS; point++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            inverse[point][i] = 1 / scales[point * step + i];
        }
    }
}

VECTORISED void quantise_weights(const weights_at_points weights[2], const float *factors,
                                 const weights_at_points inverse, int16_t *to, size_t step) {
    const float first = 1 / factors[0];
    const float second = 1 / factors[LANES];
    for (size_t point = 0; point < MAX_POINTS; point++, to += step) {
        uint32_t pairs[LANES];
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            pairs[i] = pair_of(rounded(weights[0][point][i], inverse[point][i] * first),
                               rounded(weights[1][point][i], inverse[point][i] * second));
        }
        memcpy(to, pairs, sizeof pairs);
    }
}
