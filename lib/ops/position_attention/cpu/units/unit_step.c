// Steps by matrix units (AMX) and AVX-512 with permutations of bytes, which all processors with
// matrix units have.
#include "ops/position_attention/cpu/units/unit_step.h"

#include "backend/cpu/products/amx.h"
#include "core/simd.h"

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, the tiles and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512vbmi")))
#define ZERO(tile) _tile_zero(tile)
#define LOAD(tile, address, step) _tile_loadd(tile, address, step)
#define STORE(tile, address, step) _tile_stored(tile, address, step)
#define MULTIPLY(sum, a, b) _tile_dpbf16ps(sum, a, b)
#define HAS_PERMUTATIONS() __builtin_cpu_supports("avx512vbmi")
#endif

#define ROWS CPU_AMX_SIDE

NATIVE static void maxima_native(const float *scores, size_t rows, float maxima[UNIT_COLUMNS]) {
    __m512 most[4];
    for (size_t i = 0; i < 4; i++) {
        most[i] = _mm512_loadu_ps(scores + i * UNIT_LANES);
    }
    for (size_t row = 2; row < rows; row += 2) {
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++) {
            most[i] = _mm512_max_ps(most[i],
                                    _mm512_loadu_ps(scores + row * UNIT_COLUMNS + i * UNIT_LANES));
        }
    }
    _mm512_storeu_ps(maxima, _mm512_max_ps(most[0], most[2]));
    _mm512_storeu_ps(maxima + UNIT_LANES, _mm512_max_ps(most[1], most[3]));
}

// 2^f is about 1 + f - this / 256, for the 64 parts of 0 <= f < 1: the mean of f + 1 - 2^f in a
// part, rounded.
static const uint8_t below_line[64] = {
    0,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 14, 15, 16, 16, 17, 18, 18, 19,
    19, 20, 20, 21, 21, 21, 21, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 21, 21, 21, 20, 20,
    20, 19, 18, 18, 17, 16, 16, 15, 14, 13, 12, 11, 10, 9,  8,  7,  5,  4,  2,  1};

// A power of 2 for each score, in 256ths: the number in the low bits of a float; 0 if it is far
// below 1.
NATIVE static inline __m512i power(const float *scores, __m512 offsets) {
    const __m512 sum =
        _mm512_fmadd_ps(_mm512_loadu_ps(scores), _mm512_set1_ps(UNIT_SCALE), offsets);
    return (__m512i)_mm512_max_ps(sum, _mm512_set1_ps(UNIT_ZERO));
}

// Weights of 16 columns' rows `row` and the next. A power's upper 8 bits are bf16's exponent; the
// fraction f of the rest becomes 2^f - 1.
NATIVE static inline void weigh_pair(const struct unit_step *step, size_t row, size_t lane,
                                     __m512 offsets, __m512i below) {
    const float *scores = step->scores + row * UNIT_COLUMNS + lane;
    const __m512i both =
        _mm512_mask_blend_epi16(0xAAAAAAAA, power(scores, offsets),
                                _mm512_slli_epi32(power(scores + UNIT_COLUMNS, offsets), 16));
    const __m512i line =
        _mm512_maskz_permutexvar_epi8(0x5555555555555555, _mm512_srli_epi16(both, 2), below);
    _mm512_storeu_si512(step->weights + lane * step->block + row * UNIT_LANES,
                        _mm512_srli_epi16(_mm512_sub_epi16(both, line), 1));
}

NATIVE static inline void weigh(const struct unit_step *step, size_t first, size_t end) {
    if (first == end) {
        return; // perhaps there are no scores
    }
    const __m512i below = _mm512_loadu_si512(below_line);
    const __m512 left = _mm512_loadu_ps(step->offsets);
    const __m512 right = _mm512_loadu_ps(step->offsets + UNIT_LANES);
    for (size_t row = first; row < end; row += 2) {
        weigh_pair(step, row, 0, left, below);
        weigh_pair(step, row, UNIT_LANES, right, below);
    }
}

// A product of ROWS rows: c (ROWS x UNIT_COLUMNS) (+)= a b, with `inner` numbers to sum.
struct item {
    const uint16_t *a, *b;
    size_t inner;
    bool add;
    float *c;
};

static inline struct item score_item(const struct unit_step *step, size_t row) {
    return (struct item){step->rows + row * step->depth, step->panels, step->depth, false,
                         step->new_scores + row * UNIT_COLUMNS};
}

static inline struct item product_item(const struct unit_step *step, size_t row) {
    return (struct item){step->values + row * step->block, step->old_weights, step->block,
                         step->add, step->sums + row * UNIT_COLUMNS};
}

// Items take turns with two pairs of tiles for sums: while one's are stored, the other's are made.
#define C_STEP (UNIT_COLUMNS * sizeof(float))
#define MAKE(item, one, other, rows)                                                               \
    do {                                                                                           \
        ZERO(one);                                                                                 \
        ZERO(other);                                                                               \
        if ((item).add) {                                                                          \
            LOAD(one, (item).c, C_STEP);                                                           \
            LOAD(other, (item).c + UNIT_LANES, C_STEP);                                            \
        }                                                                                          \
        for (size_t k = 0; k < (item).inner; k += 2 * ROWS) {                                      \
            LOAD(rows, (item).a + k, (item).inner * sizeof(uint16_t));                             \
            LOAD(6, (item).b + k * UNIT_LANES, 2 * UNIT_LANES * sizeof(uint16_t));                 \
            MULTIPLY(one, rows, 6);                                                                \
            LOAD(7, (item).b + ((item).inner + k) * UNIT_LANES,                                    \
                 2 * UNIT_LANES * sizeof(uint16_t));                                               \
            MULTIPLY(other, rows, 7);                                                              \
        }                                                                                          \
    } while (0)
#define KEEP(item, one, other)                                                                     \
    do {                                                                                           \
        STORE(one, (item).c, C_STEP);                                                              \
        STORE(other, (item).c + UNIT_LANES, C_STEP);                                               \
    } while (0)

// Products with some rows' weights behind each: short enough for the processor to work on both at a
// time.
NATIVE static void step_native(const struct unit_step *step) {
    const size_t scores = step->rows != NULL ? step->block / ROWS : 0;
    const size_t items = scores + (step->values != NULL ? step->value_rows / ROWS : 0);
    const size_t pairs = step->scores != NULL ? step->block / 2 : 0;
    struct item last = {NULL, NULL, 0, false, NULL};
    for (size_t i = 0; i < items; i++) {
        const struct item item =
            i < scores ? score_item(step, i * ROWS) : product_item(step, (i - scores) * ROWS);
        if (i % 2 == 0) {
            MAKE(item, 0, 1, 4);
            if (i > 0) {
                KEEP(last, 2, 3);
            }
        } else {
            MAKE(item, 2, 3, 5);
            KEEP(last, 0, 1);
        }
        weigh(step, pairs * i / items * 2, pairs * (i + 1) / items * 2);
        last = item;
    }
    if (items == 0) {
        weigh(step, 0, 2 * pairs);
    } else if (items % 2 != 0) {
        KEEP(last, 0, 1);
    } else {
        KEEP(last, 2, 3);
    }
}

const struct unit_functions *position_units(void) {
    static const struct unit_functions functions = {cpu_amx_begin, cpu_amx_end, step_native,
                                                    maxima_native};
    return cpu_amx_gemm() != NULL && HAS_PERMUTATIONS() ? &functions : NULL;
}
#else

const struct unit_functions *position_units(void) {
    return NULL;
}
#endif
