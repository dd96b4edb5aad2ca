// Products of bf16 by ARM's own instructions: BFMMLA, of two rows by two columns of four numbers of
// the inner side, where rows and such fours are whole, and BFDOT, of pairs, for the rest. BFMMLA is
// defined as two of BFDOT (Arm's manual, DDI 0487, BFDotAdd), so that a number of C has the same
// bytes by either.
#include "backend/cpu/products/bf16_functions.h"

#include "backend/cpu/level.h"

#include <string.h>

#if defined(PROCESSOR_ARM_64) && (!defined(__clang__) || defined(__ARM_FEATURE_BF16))
#include <arm_neon.h>

#define NATIVE __attribute__((target("arch=armv8.2-a+bf16")))

#define PANEL CPU_BF16_PANEL
#define LANES 4                 // sums of a vector
#define VECTORS (PANEL / LANES) // of a panel
#define ROUNDED 8               // numbers of a vector of bf16
#define DOT_ROWS 6              // of a block of C by BFDOT: 24 of the 32 registers
#define MATRIX_ROWS 8           // of one by BFMMLA, by half a panel: 16 of them
#define HALF_VECTORS (VECTORS / 2)

// ---- conversions

// The first `count` of up to 8 numbers; the others are 0.
NATIVE static inline uint16x8_t round_some(const float *from, size_t count) {
    float numbers[ROUNDED] = {0};
    if (count < ROUNDED) {
        memcpy(numbers, from, count * sizeof *from);
        from = numbers;
    }
    const bfloat16x8_t low = vcvtq_low_bf16_f32(vld1q_f32(from));
    return vreinterpretq_u16_bf16(vcvtq_high_bf16_f32(low, vld1q_f32(from + LANES)));
}

static inline size_t at_most(size_t count, size_t limit) {
    return count < limit ? count : limit;
}

// The first `count` of up to 8 numbers of a vector.
static inline void store_some(uint16_t *to, uint16x8_t numbers, size_t count) {
    if (count == ROUNDED) {
        vst1q_u16(to, numbers);
    } else {
        uint16_t all[ROUNDED];
        vst1q_u16(all, numbers);
        memcpy(to, all, count * sizeof *to);
    }
}

NATIVE static void round_native(const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i += ROUNDED) {
        const size_t some = at_most(count - i, ROUNDED);
        store_some(to + i, round_some(from + i, some), some);
    }
}

NATIVE static void rows_native(const float *from, size_t leading, size_t rows, size_t columns,
                               uint16_t *to) {
    const size_t step = (columns + 1) / 2 * 2;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i += ROUNDED) {
            store_some(to + row * step + i,
                       round_some(from + row * leading + i, at_most(columns - i, ROUNDED)),
                       at_most(step - i, ROUNDED));
        }
    }
}

// Of up to 8 columns: the pairs of `row` and the next; beyond the matrix numbers are 0.
NATIVE static inline void pairs_of(const float *from, size_t leading, size_t row, size_t rows,
                                   size_t columns, uint16_t pairs[2 * ROUNDED]) {
    const size_t count = at_most(columns, ROUNDED);
    const float *numbers = from + row * leading;
    const uint16x8x2_t both = {
        {round_some(numbers, count),
         row + 1 < rows ? round_some(numbers + leading, count) : vdupq_n_u16(0)}};
    vst2q_u16(pairs, both);
}

NATIVE static void interleaved_native(const float *from, size_t leading, size_t rows,
                                      size_t columns, uint16_t *to) {
    uint16_t pairs[2 * ROUNDED];
    for (size_t row = 0; row < rows; row += 2) {
        for (size_t i = 0; i < columns; i += ROUNDED) {
            pairs_of(from + i, leading, row, rows, columns - i, pairs);
            memcpy(to + row * columns + 2 * i, pairs,
                   2 * at_most(columns - i, ROUNDED) * sizeof *to);
        }
    }
}

NATIVE static void transposed_native(const float *from, size_t leading, size_t rows, size_t columns,
                                     uint16_t *to) {
    const size_t step = (rows + 1) / 2 * 2;
    uint16_t pairs[2 * ROUNDED];
    for (size_t row = 0; row < rows; row += 2) {
        for (size_t i = 0; i < columns; i += ROUNDED) {
            pairs_of(from + i, leading, row, rows, columns - i, pairs);
            for (size_t k = 0; k < at_most(columns - i, ROUNDED); k++) {
                memcpy(to + (i + k) * step + row, pairs + 2 * k, 2 * sizeof *to);
            }
        }
    }
}

// ---- products. In both blocks, of the machine code (objdump -d), the loop over pairs should read
// nothing from (sp): a sum that does not stay in its register.

NATIVE static inline bfloat16x8_t eight_at(const uint16_t *address) {
    return vreinterpretq_bf16_u16(vld1q_u16(address));
}

// A pair, alone in its register, where products take it from for all lanes.
NATIVE static inline bfloat16x8_t pair_at(const uint16_t *address) {
    bfloat16x8_t pair;
    __asm__("ldr %s0, %1" : "=w"(pair) : "m"(*(const uint16_t(*)[2])address));
    return pair;
}

// `rows` of a panel by BFDOT; a constant where this is called.
NATIVE __attribute__((always_inline)) static inline void dot_block(size_t rows, size_t pairs,
                                                                   struct cpu_bf16_a a,
                                                                   const uint16_t *panel, bool add,
                                                                   float *c, size_t leading) {
    float32x4_t sums[DOT_ROWS][VECTORS];
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < VECTORS; i++) {
            sums[row][i] = add ? vld1q_f32(c + row * leading + i * LANES) : vdupq_n_f32(0);
        }
    }
    for (size_t pair = 0; pair < pairs; pair++) {
        bfloat16x8_t columns[VECTORS];
#pragma GCC unroll 4
        for (size_t i = 0; i < VECTORS; i++) {
            columns[i] = eight_at(panel + (pair * PANEL + i * LANES) * 2);
        }
#pragma GCC unroll 6
        for (size_t row = 0; row < rows; row++) {
            const bfloat16x8_t both = pair_at(a.data + row * a.row_step + pair * a.pair_step);
#pragma GCC unroll 4
            for (size_t i = 0; i < VECTORS; i++) {
                sums[row][i] = vbfdotq_laneq_f32(sums[row][i], columns[i], both, 0);
            }
        }
    }
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < VECTORS; i++) {
            vst1q_f32(c + row * leading + i * LANES, sums[row][i]);
        }
    }
}

// All rows of a panel by BFDOT.
NATIVE static void dot_panel(size_t rows, size_t pairs, struct cpu_bf16_a a, const uint16_t *panel,
                             bool add, float *c, size_t leading) {
    for (; rows >= DOT_ROWS; rows -= DOT_ROWS) {
        dot_block(DOT_ROWS, pairs, a, panel, add, c, leading);
        a.data += DOT_ROWS * a.row_step;
        c += DOT_ROWS * leading;
    }
    for (; rows > 0; rows--) {
        dot_block(1, pairs, a, panel, add, c, leading);
        a.data += a.row_step;
        c += leading;
    }
}

// Two rows' numbers of two columns each, as BFMMLA adds to them: from vectors of four columns of
// the one row and the other, and back.
NATIVE static inline void rows_to_squares(float32x4_t upper, float32x4_t lower,
                                          float32x4_t squares[2]) {
    const float64x2_t above = vreinterpretq_f64_f32(upper);
    const float64x2_t below = vreinterpretq_f64_f32(lower);
    squares[0] = vreinterpretq_f32_f64(vzip1q_f64(above, below));
    squares[1] = vreinterpretq_f32_f64(vzip2q_f64(above, below));
}

// 8 rows of half a panel by BFMMLA, whose A has pairs that lie together, for an even number of
// pairs.
NATIVE static void matrix_block(size_t pairs, struct cpu_bf16_a a, const uint16_t *half, bool add,
                                float *c, size_t leading) {
    float32x4_t sums[MATRIX_ROWS / 2][VECTORS]; // of two rows and two columns each
#pragma GCC unroll 4
    for (size_t row = 0; row < MATRIX_ROWS / 2; row++) {
#pragma GCC unroll 2
        for (size_t i = 0; i < HALF_VECTORS; i++) {
            const float *to = c + 2 * row * leading + i * LANES;
            rows_to_squares(add ? vld1q_f32(to) : vdupq_n_f32(0),
                            add ? vld1q_f32(to + leading) : vdupq_n_f32(0), &sums[row][2 * i]);
        }
    }
    for (size_t pair = 0; pair < pairs; pair += 2) {
        bfloat16x8_t columns[VECTORS]; // of two columns each
#pragma GCC unroll 2
        for (size_t i = 0; i < HALF_VECTORS; i++) {
            const uint16_t *from = half + (pair * PANEL + i * LANES) * 2;
            const uint32x4_t one = vreinterpretq_u32_u16(vld1q_u16(from));
            const uint32x4_t next = vreinterpretq_u32_u16(vld1q_u16(from + (size_t)PANEL * 2));
            columns[2 * i] = vreinterpretq_bf16_u32(vzip1q_u32(one, next));
            columns[2 * i + 1] = vreinterpretq_bf16_u32(vzip2q_u32(one, next));
        }
#pragma GCC unroll 4
        for (size_t row = 0; row < MATRIX_ROWS / 2; row++) {
            const uint16_t *from = a.data + 2 * row * a.row_step + pair * 2;
            const bfloat16x8_t rows =
                vreinterpretq_bf16_u16(vcombine_u16(vld1_u16(from), vld1_u16(from + a.row_step)));
#pragma GCC unroll 4
            for (size_t i = 0; i < VECTORS; i++) {
                sums[row][i] = vbfmmlaq_f32(sums[row][i], rows, columns[i]);
            }
        }
    }
#pragma GCC unroll 4
    for (size_t row = 0; row < MATRIX_ROWS / 2; row++) {
#pragma GCC unroll 2
        for (size_t i = 0; i < HALF_VECTORS; i++) {
            float32x4_t both[2];
            rows_to_squares(sums[row][2 * i], sums[row][2 * i + 1], both);
            vst1q_f32(c + 2 * row * leading + i * LANES, both[0]);
            vst1q_f32(c + (2 * row + 1) * leading + i * LANES, both[1]);
        }
    }
}

NATIVE static void gemm_native(size_t rows, size_t columns, size_t pairs, struct cpu_bf16_a a,
                               struct cpu_bf16_b b, bool add, float *c, size_t leading) {
    const bool fours = a.pair_step == 2 && pairs % 2 == 0;
    const size_t blocks = fours ? rows / MATRIX_ROWS : 0;
    const size_t done = blocks * MATRIX_ROWS;
    const struct cpu_bf16_a rest = {a.data + done * a.row_step, a.row_step, a.pair_step};
    for (size_t first = 0; first < columns; first += PANEL) {
        for (size_t i = 0; i < 2 * blocks; i++) { // two halves of each
            const size_t row = i / 2 * MATRIX_ROWS;
            const size_t column = i % 2 * (PANEL / 2);
            const struct cpu_bf16_a block = {a.data + row * a.row_step, a.row_step, 2};
            matrix_block(pairs, block, b.data + column * 2, add, c + row * leading + column,
                         leading);
        }
        dot_panel(rows - done, pairs, rest, b.data, add, c + done * leading, leading);
        b.data += b.panel_step;
        c += PANEL;
    }
}

static const struct cpu_bf16_functions functions = {.round = round_native,
                                                    .rows = rows_native,
                                                    .interleaved = interleaved_native,
                                                    .transposed = transposed_native,
                                                    .gemm = gemm_native};

const struct cpu_bf16_functions *cpu_bf16_arm(void) {
    return cpu_level() >= CPU_BF16 ? &functions : NULL;
}
#else

const struct cpu_bf16_functions *cpu_bf16_arm(void) {
    return NULL;
}
#endif
