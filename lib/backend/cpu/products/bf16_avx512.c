// Products of bf16 by AVX-512's own instruction: a block of C stays in registers while pairs of A
// are broadcast to it.
#include "backend/cpu/products/bf16_functions.h"

#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"

#include <string.h>

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif

#include "backend/cpu/products/bf16_block.h"
#include "backend/cpu/products/transpose_pairs.h"

#define PANEL CPU_BF16_PANEL
#define PANELS 4 // of a block of C, at most
#define ROWS 16  // of one; 6 of four panels and 8 of two make 24 and 16 of the 32 registers

// The first `count` of a panel's lanes.
static inline __mmask16 lanes(size_t count) {
    return (__mmask16)(count < PANEL ? (1u << count) - 1 : 0xFFFFu);
}

NATIVE static void round_native(const float *from, size_t count, uint16_t *to) {
    size_t i = 0;
    for (; i + PANEL <= count; i += PANEL) {
        _mm256_storeu_epi16(to + i, (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from + i)));
    }
    const __mmask16 rest = lanes(count - i);
    _mm256_mask_storeu_epi16(to + i, rest,
                             (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(rest, from + i)));
}

NATIVE static void rows_native(const float *from, size_t leading, size_t rows, size_t columns,
                               uint16_t *to) {
    const size_t step = (columns + 1) / 2 * 2;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i += PANEL) {
            const __m512 numbers =
                _mm512_maskz_loadu_ps(lanes(columns - i), from + row * leading + i);
            _mm256_mask_storeu_epi16(to + row * step + i, lanes(step - i),
                                     (__m256i)_mm512_cvtneps_pbh(numbers));
        }
    }
}

// Of up to 16 columns: the pairs of `row` and the next; beyond `rows` and `columns` numbers are 0.
NATIVE static inline __m512i pair_of(const float *from, size_t leading, size_t row, size_t rows,
                                     size_t columns) {
    const __m512i interleaved =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __mmask16 inside = lanes(columns);
    const float *numbers = from + row * leading;
    const __m512 low = row < rows ? _mm512_maskz_loadu_ps(inside, numbers) : _mm512_setzero_ps();
    const __m512 high =
        row + 1 < rows ? _mm512_maskz_loadu_ps(inside, numbers + leading) : _mm512_setzero_ps();
    return _mm512_permutexvar_epi16(interleaved, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

NATIVE static void interleaved_native(const float *from, size_t leading, size_t rows,
                                      size_t columns, uint16_t *to) {
    for (size_t row = 0; row < rows; row += 2) {
        for (size_t i = 0; i < columns; i += PANEL) {
            _mm512_mask_storeu_epi32(to + row * columns + 2 * i, lanes(columns - i),
                                     pair_of(from + i, leading, row, rows, columns - i));
        }
    }
}

NATIVE static void transposed_native(const float *from, size_t leading, size_t rows, size_t columns,
                                     uint16_t *to) {
    const size_t step = (rows + 1) / 2 * 2;
    for (size_t row = 0; row < rows; row += 2 * (size_t)PANEL) {
        for (size_t i = 0; i < columns; i += PANEL) {
            __m512i pairs[PANEL];
            for (size_t k = 0; k < PANEL; k++) {
                pairs[k] = pair_of(from + i, leading, row + 2 * k, rows, columns - i);
            }
            transpose_pairs(pairs);
            for (size_t k = 0; k < PANEL && i + k < columns; k++) {
                _mm512_mask_storeu_epi32(to + (i + k) * step + row, lanes((step - row) / 2),
                                         pairs[k]);
            }
        }
    }
}

// A block of `rows` x `panels` panels; both are constants where this is called.
BF16_UNCHECKED NATIVE __attribute__((always_inline)) static inline void multiply_block(
    size_t rows, size_t panels, size_t pairs, struct cpu_bf16_a a, struct cpu_bf16_b b, bool add,
    float *c, size_t leading) {
    __m512 sums[BF16_ROWS][BF16_PANELS];
    BF16_UNROLLED
    for (size_t row = 0; row < rows; row++) {
        BF16_UNROLLED
        for (size_t panel = 0; panel < panels; panel++) {
            float *from = c + row * leading + panel * PANEL;
            sums[row][panel] = add ? _mm512_loadu_ps(from) : _mm512_setzero_ps();
            if (add) { // what the next block adds to is asked for
                __builtin_prefetch(from + rows * leading, 1);
            }
        }
    }
    bf16_add_products(rows, panels, pairs, a, b, sums);
    BF16_UNROLLED
    for (size_t row = 0; row < rows; row++) {
        BF16_UNROLLED
        for (size_t panel = 0; panel < panels; panel++) {
            _mm512_storeu_ps(c + row * leading + panel * PANEL, sums[row][panel]);
        }
    }
}

// So many panels of all rows: blocks of so many, and of the rest by halves.
NATIVE __attribute__((always_inline)) static inline void multiply_panels(
    size_t panels, size_t at_once, size_t rows, size_t pairs, struct cpu_bf16_a a,
    struct cpu_bf16_b b, bool add, float *c, size_t leading) {
#define BLOCK(count)                                                                               \
    multiply_block(count, panels, pairs, a, b, add, c, leading);                                   \
    a.data += (count)*a.row_step;                                                                  \
    c += (count)*leading;                                                                          \
    rows -= (count);
#define BLOCKS(count)                                                                              \
    while ((count) <= at_once && rows >= (count)) {                                                \
        BLOCK(count)                                                                               \
    }
    while (panels == 1 && rows >= BF16_ROWS && rows % at_once != 0) {
        BLOCK(BF16_ROWS)
    }
    BLOCKS(at_once)
    BLOCKS(8)
    BLOCKS(4)
    BLOCKS(2)
    BLOCKS(1)
#undef BLOCKS
#undef BLOCK
}

NATIVE static void gemm_native(size_t rows, size_t columns, size_t pairs, struct cpu_bf16_a a,
                               struct cpu_bf16_b b, bool add, float *c, size_t leading) {
    size_t left = (columns + PANEL - 1) / PANEL;
    cpu_bf16_gemm_function *amx_gemm = cpu_amx_gemm();
    if (a.pair_step == 2 && pairs % CPU_AMX_SIDE == 0 && amx_gemm != NULL) {
        const size_t whole = rows / CPU_AMX_SIDE * CPU_AMX_SIDE;
        amx_gemm(whole, left, pairs, a, b, add, c, leading);
        a.data += whole * a.row_step;
        c += whole * leading;
        rows -= whole;
    }
    for (; left >= PANELS; left -= PANELS) {
        multiply_panels(PANELS, 6, rows, pairs, a, b, add, c, leading);
        b.data += PANELS * b.panel_step;
        c += PANELS * PANEL;
    }
    if (left >= 2) {
        multiply_panels(2, 8, rows, pairs, a, b, add, c, leading);
        b.data += 2 * b.panel_step;
        c += 2 * PANEL;
    }
    if (left % 2 != 0) {
        multiply_panels(1, ROWS, rows, pairs, a, b, add, c, leading);
    }
}

static const struct cpu_bf16_functions functions = {.round = round_native,
                                                    .rows = rows_native,
                                                    .interleaved = interleaved_native,
                                                    .transposed = transposed_native,
                                                    .gemm = gemm_native};

const struct cpu_bf16_functions *cpu_bf16_avx512(void) {
    return cpu_level() >= CPU_BF16 ? &functions : NULL;
}
#else

const struct cpu_bf16_functions *cpu_bf16_avx512(void) {
    return NULL;
}
#endif
