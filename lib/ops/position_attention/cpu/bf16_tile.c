// Weights of tiles in bf16 by AVX-512 with permutations of bytes, two rows of 32 columns at a time.
#include "ops/position_attention/cpu/bf16_tile.h"

#include "backend/cpu/level.h"
#include "core/simd.h"

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512bf16")))
#define HAS_PERMUTATIONS() __builtin_cpu_supports("avx512vbmi")
#endif

#define BLOCK ((size_t)POSITION_BLOCK)
#define STRIDE ((size_t)POSITION_STRIDE)
#define LANES ((size_t)16)
#define VECTORS (BLOCK / LANES)
#define INLINE NATIVE __attribute__((always_inline)) static inline

// A weight 2^(n / 128 - 127) is bf16's exponent and, but for below_line, its fraction: a sum so
// large that n is the low bits of a float.
#define SCALE 0x1.715476p+7f // 128 / ln 2
#define ZERO 0x1.8p23f
#define ONE (127 * 128)
#define ORDINARY 0xFFFFC000 // the bits that are ZERO's in sums for weights below 2

// 128 (2^f - 1) is about 128 f - this, for the 128 parts of 0 <= f < 1.
static const uint8_t below_line[128] = {
    0,  0,  1,  1,  1,  1,  2,  2,  2,  3,  3,  3,  3,  4,  4,  4,  4,  5,  5,  5,  5,  6,
    6,  6,  6,  6,  7,  7,  7,  7,  7,  8,  8,  8,  8,  8,  8,  9,  9,  9,  9,  9,  9,  9,
    10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11,
    11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 10, 10, 10, 10, 10, 10,
    10, 10, 10, 9,  9,  9,  9,  9,  9,  9,  8,  8,  8,  8,  8,  7,  7,  7,  7,  7,  6,  6,
    6,  6,  5,  5,  5,  4,  4,  4,  3,  3,  3,  3,  2,  2,  1,  1,  1,  0,
};

// What permutations take of two vectors of numbers of 16 bits: the lower ones of each 32 bits, of
// one vector behind those of the other, or in turns; the upper ones; the lower half's in turns.
static const uint16_t in_order[2 * LANES] = {0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20,
                                             22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42,
                                             44, 46, 48, 50, 52, 54, 56, 58, 60, 62};
static const uint16_t in_turns[2 * LANES] = {0,  32, 2,  34, 4,  36, 6,  38, 8,  40, 10,
                                             42, 12, 44, 14, 46, 16, 48, 18, 50, 20, 52,
                                             22, 54, 24, 56, 26, 58, 28, 60, 30, 62};
static const uint16_t upper[2 * LANES] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                          23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                          45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
static const uint16_t half_in_turns[2 * LANES] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,
                                                  37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
                                                  11, 43, 12, 44, 13, 45, 14, 46, 15, 47};

// What stays in registers: the bits of all powers so far, and tables.
struct powers {
    __m512i seen, low, high, in_turns;
};

INLINE struct powers powers_begin(void) {
    return (struct powers){(__m512i)_mm512_set1_ps(ZERO), _mm512_loadu_si512(below_line),
                           _mm512_loadu_si512(below_line + 64), _mm512_loadu_si512(in_turns)};
}

// NaN stays NaN.
INLINE __m512i power(__m512 score, __m512 maximum) {
    const __m512 sum = _mm512_fmadd_ps(_mm512_sub_ps(score, maximum), _mm512_set1_ps(SCALE),
                                       _mm512_set1_ps(ZERO + ONE));
    return (__m512i)_mm512_max_ps(_mm512_set1_ps(ZERO), sum);
}

INLINE __m512i weigh(struct powers *powers, __m512i one, __m512i other, __m512i order) {
    const __m512i both = _mm512_permutex2var_epi16(one, order, other);
    powers->seen = _mm512_ternarylogic_epi32(powers->seen, one, other, 0xFE); // or
    return _mm512_sub_epi16(
        both, _mm512_maskz_permutex2var_epi8(0x5555555555555555, powers->low, both, powers->high));
}

INLINE bool ordinary(const struct powers *powers) {
    const __m512i bits = _mm512_and_si512(powers->seen, _mm512_set1_epi32((int)ORDINARY));
    return _mm512_cmpneq_epi32_mask(bits, (__m512i)_mm512_set1_ps(ZERO)) == 0;
}

// What lies beyond the tile.
static void fill_up(const struct position_tile *tile, float *numbers, float number) {
    const size_t rows = (tile->rows + 1) / 2 * 2;
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = row < tile->rows ? tile->columns : 0; column < BLOCK; column++) {
            numbers[row * STRIDE + column] = number;
        }
    }
}

INLINE __m512 sum_of(__m512 sum, __m512i weights) {
    const __m512i ones = _mm512_set1_epi32(0x3F803F80);
    return _mm512_dpbf16_ps(sum, (__m512bh)weights, (__m512bh)ones);
}

NATIVE static bool weights_native(const struct position_tile *tile, float *scores,
                                  struct position_softmax rows, struct position_softmax columns,
                                  uint16_t *of_rows, uint16_t *of_columns) {
    struct powers powers = powers_begin();
    __m512 column_sums[VECTORS];
    float row_sums[BLOCK];
    fill_up(tile, scores, -0x1p30F);
    for (size_t i = 0; i < VECTORS; i++) {
        column_sums[i] = _mm512_setzero_ps();
    }
    for (size_t row = 0; row < tile->rows; row += 2) {
        const __m512 maxima[2] = {_mm512_set1_ps(rows.maxima[row]),
                                  _mm512_set1_ps(rows.maxima[row + 1])};
        __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
#pragma GCC unroll 4
        for (size_t i = 0; i < VECTORS; i += 2) {
            __m512 s[2][2];
#pragma GCC unroll 2
            for (size_t k = 0; k < 2; k++) {
                s[k][0] = _mm512_loadu_ps(scores + (row + k) * STRIDE + i * LANES);
                s[k][1] = _mm512_loadu_ps(scores + (row + k) * STRIDE + (i + 1) * LANES);
                const __m512i weights =
                    weigh(&powers, power(s[k][0], maxima[k]), power(s[k][1], maxima[k]),
                          _mm512_loadu_si512(in_order));
                sums[k] = sum_of(sums[k], weights);
                _mm512_storeu_si512(of_rows + (row + k) * BLOCK + i * LANES, weights);
            }
#pragma GCC unroll 2
            for (size_t k = 0; k < 2; k++) {
                const __m512 maximum = _mm512_loadu_ps(columns.maxima + (i + k) * LANES);
                const __m512i weights = weigh(&powers, power(s[0][k], maximum),
                                              power(s[1][k], maximum), powers.in_turns);
                column_sums[i + k] = sum_of(column_sums[i + k], weights);
                _mm512_storeu_si512(of_columns + row * BLOCK + 2 * (i + k) * LANES, weights);
            }
        }
        row_sums[row] = _mm512_reduce_add_ps(sums[0]);
        row_sums[row + 1] = _mm512_reduce_add_ps(sums[1]);
    }
    if (!ordinary(&powers)) {
        return false;
    }
    for (size_t row = 0; row < tile->rows; row++) {
        rows.sums[row] += row_sums[row];
    }
    for (size_t i = 0; i < VECTORS; i++) {
        float *sums = columns.sums + i * LANES;
        _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_loadu_ps(sums), column_sums[i]));
    }
    return true;
}

// P of two rows, in turns, as floats of one.
INLINE __m512 weights_of(size_t row, __m512i both) {
    return (__m512)(row == 0 ? _mm512_slli_epi32(both, 16)
                             : _mm512_and_si512(both, _mm512_set1_epi32((int)0xFFFF0000)));
}

NATIVE static bool gradients_native(const struct position_tile *tile, float *scores,
                                    float *products, float *transposed, struct position_sums rows,
                                    struct position_sums columns,
                                    const struct position_bf16_gradients *to) {
    struct powers powers = powers_begin();
    const __m512i left = _mm512_loadu_si512(half_in_turns);
    const __m512i right = _mm512_add_epi16(left, _mm512_set1_epi32(0x100010)); // 16 numbers on
    fill_up(tile, scores, -0x1p30F);
    fill_up(tile, products, 0);
    fill_up(tile, transposed, 0);
    for (size_t row = 0; row < tile->rows; row += 2) {
        const __m512 logs[2] = {_mm512_set1_ps(rows.logs[row]), _mm512_set1_ps(rows.logs[row + 1])};
        const __m512 d[2] = {_mm512_set1_ps(rows.d[row]), _mm512_set1_ps(rows.d[row + 1])};
        for (size_t i = 0; i < VECTORS; i += 2) {
            __m512 g[2][2];
            __m512 transposed_p[2][2];
#pragma GCC unroll 2
            for (size_t k = 0; k < 2; k++) {
                const size_t column = (i + k) * LANES;
                const __m512 log = _mm512_loadu_ps(columns.logs + column);
                const __m512 column_d = _mm512_loadu_ps(columns.d + column);
                const __m512 one = _mm512_loadu_ps(scores + row * STRIDE + column);
                const __m512 other = _mm512_loadu_ps(scores + (row + 1) * STRIDE + column);
                const __m512i p =
                    weigh(&powers, power(one, logs[0]), power(other, logs[1]), powers.in_turns);
                const __m512i q =
                    weigh(&powers, power(one, log), power(other, log), powers.in_turns);
                _mm512_storeu_si512(to->weight_pairs + row * BLOCK + 2 * column, p);
#pragma GCC unroll 2
                for (size_t r = 0; r < 2; r++) { // position_gradient of formula.h
                    const size_t at = (row + r) * STRIDE + column;
                    transposed_p[r][k] = weights_of(r, q);
                    const __m512 of_column =
                        _mm512_mul_ps(transposed_p[r][k],
                                      _mm512_sub_ps(_mm512_loadu_ps(transposed + at), column_d));
                    g[r][k] = _mm512_fmadd_ps(weights_of(r, p),
                                              _mm512_sub_ps(_mm512_loadu_ps(products + at), d[r]),
                                              of_column);
                }
            }
            __m512i g_rows[2];
#pragma GCC unroll 2
            for (size_t r = 0; r < 2; r++) {
                const size_t at = (row + r) * BLOCK + i * LANES;
                g_rows[r] = (__m512i)_mm512_cvtne2ps_pbh(g[r][1], g[r][0]);
                _mm512_storeu_si512(to->rows + at, g_rows[r]);
                _mm512_storeu_si512(to->transposed_weight_rows + at,
                                    _mm512_permutex2var_epi16((__m512i)transposed_p[r][0],
                                                              _mm512_loadu_si512(upper),
                                                              (__m512i)transposed_p[r][1]));
            }
            uint16_t *pairs = to->pairs + row * BLOCK + 2 * i * LANES;
            _mm512_storeu_si512(pairs, _mm512_permutex2var_epi16(g_rows[0], left, g_rows[1]));
            _mm512_storeu_si512(pairs + 2 * LANES,
                                _mm512_permutex2var_epi16(g_rows[0], right, g_rows[1]));
        }
    }
    return ordinary(&powers);
}

static const struct position_bf16_functions functions = {weights_native, gradients_native};

const struct position_bf16_functions *position_bf16_tiles(void) {
    return cpu_level() >= CPU_BF16 && HAS_PERMUTATIONS() ? &functions : NULL;
}
#else

const struct position_bf16_functions *position_bf16_tiles(void) {
    return NULL;
}
#endif
