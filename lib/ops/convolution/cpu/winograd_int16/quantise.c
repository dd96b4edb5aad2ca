// Floats as int16, by scales. Loops are what compilers make good vectors of.
#include "ops/convolution/cpu/winograd_int16/quantise.h"

#include "ops/convolution/cpu/winograd_int16/rounding.h"

#define ALL_POINTS WINOGRAD_INT16_POINTS
#define MIN_WEIGHT_SCALE 0x1p-113F

// Sums of 64 rounded numbers exceed those of the numbers by up to 32, and by float32's errors.
#define MAX_SUM ((float)CPU_INT16_B - 64)
#define MAX_WEIGHT 32760.0F

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

INLINE void quantise_points(const float *numbers, const float *factors, size_t channels,
                            int16_t *to, size_t step, float *scales) {
    uint32_t largest[ALL_POINTS];
    float inverse[ALL_POINTS];
    largest_of_points(numbers, factors, channels, largest);
#pragma omp simd
    for (size_t point = 0; point < ALL_POINTS; point++) {
        scales[point] = scale_of(largest[point], CPU_INT16_A);
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

#define TAPS WINOGRAD_TAPS

VECTORISED void scale_taps(const float *taps, float factor, weight_taps to) {
    for (size_t tap = 0; tap < TAPS; tap++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            to[tap][i] = taps[tap * LANES + i] * factor;
        }
    }
}

// Each lane's largest magnitudes of a channel's taps, as bits of floats.
INLINE void find_largest(const float *taps, float factor, uint32_t largest[LANES]) {
    for (size_t tap = 0; tap < TAPS; tap++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            const float weight = taps[tap * LANES + i] * factor;
            uint32_t bits;
            memcpy(&bits, &weight, sizeof bits);
            largest[i] = larger(largest[i], bits & 0x7FFFFFFFu);
        }
    }
}

INLINE void pack_channel(const float *taps, float factor, const float inverse[LANES], int16_t *to) {
    for (size_t tap = 0; tap < TAPS; tap++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            to[tap * LANES + i] = (int16_t)rounded(taps[tap * LANES + i], factor * inverse[i]);
        }
    }
}

VECTORISED void pack_taps(const float *taps, const float *factors, size_t channels, int16_t *to,
                          float scales[LANES]) {
    uint32_t largest[LANES] = {0};
    float inverse[LANES];
    for (size_t c = 0; c < channels; c++) {
        find_largest(taps + c * TAPS * LANES, 1 / factors[c], largest);
    }
    for (size_t i = 0; i < LANES; i++) {
        scales[i] = scale_of(largest[i], MAX_WEIGHT);
        inverse[i] = 1 / scales[i];
    }
    for (size_t c = 0; c < channels; c++) {
        pack_channel(taps + c * TAPS * LANES, 1 / factors[c], inverse, to + c * TAPS * LANES);
    }
}

// Whole numbers of a channel as floats.
INLINE void widen_taps(const int16_t *packed, weight_taps taps) {
#pragma GCC unroll 9
    for (size_t tap = 0; tap < TAPS; tap++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            taps[tap][i] = (float)packed[tap * LANES + i];
        }
    }
}

VECTORISED void unpack_taps(const int16_t *packed, const float scales[LANES], weight_taps taps) {
    widen_taps(packed, taps);
    for (size_t tap = 0; tap < TAPS; tap++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            taps[tap][i] *= scales[i];
        }
    }
}

VECTORISED void measure_weights(const weights_at_points weights, weights_at_points sums,
                                weights_at_points largest) {
    for (size_t point = 0; point < MAX_POINTS; point++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            const float weight = fabsf(weights[point][i]);
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

VECTORISED void invert_scales(const float *scales, size_t step, const float *by,
                              weights_at_points inverse) {
    for (size_t point = 0; point < MAX_POINTS; point++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            inverse[point][i] = (by != NULL ? by[i] : 1) / scales[point * step + i];
        }
    }
}

// The columns' values at the points: (point, column).
INLINE void spread_columns(const weight_taps taps, lanes to[SPAN * 3]) {
#pragma GCC unroll 3
    for (size_t x = 0; x < 3; x++) {
        const float *const lines[3] = {taps[x], taps[3 + x], taps[6 + x]};
        spread_weights_4(lines, to[x], 3 * (size_t)LANES);
    }
}

// The values at a row of points.
INLINE void spread_row(const lanes columns[3], lanes to[SPAN]) {
    const float *const lines[3] = {columns[0], columns[1], columns[2]};
    spread_weights_4(lines, to[0], LANES);
}

// All is unrolled: what lies between the taps and the numbers stays in registers.
INLINE void quantise_pair(const weight_taps taps[2], const weights_at_points inverse, int16_t *to,
                          size_t step) {
    lanes columns[2][SPAN * 3];
    spread_columns(taps[0], columns[0]);
    spread_columns(taps[1], columns[1]);
#pragma GCC unroll 6
    for (size_t y = 0; y < SPAN; y++) {
        lanes row[2][SPAN];
        spread_row((const lanes *)columns[0] + 3 * y, row[0]);
        spread_row((const lanes *)columns[1] + 3 * y, row[1]);
#pragma GCC unroll 6
        for (size_t x = 0; x < SPAN; x++) {
            const size_t point = y * SPAN + x;
            uint32_t pairs[LANES];
#pragma omp simd
            for (size_t i = 0; i < LANES; i++) {
                pairs[i] = pair_of(rounded(row[0][x][i], inverse[point][i]),
                                   rounded(row[1][x][i], inverse[point][i]));
            }
            memcpy(to + point * step, pairs, sizeof pairs);
        }
    }
}

VECTORISED void quantise_weights(const weight_taps taps[2], const weights_at_points inverse,
                                 int16_t *to, size_t step) {
    quantise_pair(taps, inverse, to, step);
}

VECTORISED void quantise_packed(const int16_t *first, const int16_t *second,
                                const weights_at_points inverse, int16_t *to, size_t step) {
    weight_taps taps[2];
    widen_taps(first, taps[0]);
    widen_taps(second, taps[1]);
    quantise_pair((const weight_taps *)taps, inverse, to, step);
}
