// Weights of tiles, for vectors of 4, 8 and 16 numbers.
#include "ops/position_attention/cpu/weights.h"

#include "backend/cpu/level.h"

#include <stdint.h>
#include <string.h>

#define OCTAVES 0x1.715476p+0F         // of a number: 1 / ln 2
#define ROUNDER 0x1.8p23F              // adding it leaves the nearest integer in the low bits
#define MIN_EXPONENT (-0x1.e26e34p+5F) // 87 octaves below 0

typedef float four __attribute__((vector_size(16)));
typedef float four_anywhere __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint32_t four_bits __attribute__((vector_size(16)));

#define NAME(what) four_##what
#define TARGET
#define VECTOR four
#define ANYWHERE four_anywhere
#define BITS four_bits
#define LANES 4
#ifdef PROCESSOR_ARM_64
#include <arm_neon.h>
#define GREATER(a, b) ((four)vmaxq_f32((float32x4_t)(a), (float32x4_t)(b)))
#define FUSED(a, b, c) ((four)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define REGISTER "w"
#else
#define GREATER(a, b)                                                                              \
    ((four)(((four_bits)(a) & (four_bits)((a) > (b))) | ((four_bits)(b) & ~(four_bits)((a) > (b)))))
#define FUSED(a, b, c) ((a) * (b) + (c))
#define REGISTER "x"
#endif
#include "ops/position_attention/cpu/weights_block.h"

#ifdef PROCESSOR_X86_64
#include <immintrin.h>

typedef float eight __attribute__((vector_size(32)));
typedef float eight_anywhere __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t eight_bits __attribute__((vector_size(32)));

#define NAME(what) eight_##what
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR eight
#define ANYWHERE eight_anywhere
#define BITS eight_bits
#define LANES 8
#define GREATER(a, b) _mm256_max_ps(a, b)
#define FUSED(a, b, c) _mm256_fmadd_ps(a, b, c)
#define REGISTER "x"
#include "ops/position_attention/cpu/weights_block.h"

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t sixteen_bits __attribute__((vector_size(64)));

#define NAME(what) sixteen_##what
#define TARGET __attribute__((target("avx512f")))
#define VECTOR sixteen
#define ANYWHERE sixteen_anywhere
#define BITS sixteen_bits
#define LANES 16
#define GREATER(a, b) _mm512_max_ps(a, b)
#define FUSED(a, b, c) _mm512_fmadd_ps(a, b, c)
#define REGISTER "v"
#include "ops/position_attention/cpu/weights_block.h"

#define CHOSEN(function)                                                                           \
    (cpu_level() >= CPU_AVX512 ? sixteen_##function                                                \
     : cpu_level() >= CPU_AVX2 ? eight_##function                                                  \
                               : four_##function)
#else
#define CHOSEN(function) four_##function
#endif

static void fill_up(const struct position_tile *tile, float *scores) {
    const size_t width = position_whole(tile->columns);
    for (size_t row = 0; width > tile->columns && row < tile->rows; row++) {
        for (size_t column = tile->columns; column < width; column++) {
            scores[row * POSITION_STRIDE + column] = -0x1p30F;
        }
    }
}

void position_tile_weights(const struct position_tile *tile, float *scores,
                           struct position_softmax rows) {
    fill_up(tile, scores);
    CHOSEN(weights)(tile, scores, rows);
}

void position_tile_both_weights(const struct position_tile *tile, float *scores, float *transposed,
                                struct position_softmax rows, struct position_softmax columns) {
    fill_up(tile, scores);
    // A tile's sums of columns begin with 0: whoever adds single weights to long sums loses them.
    float sums[POSITION_BLOCK] = {0};
    CHOSEN(both_weights)
    (tile, scores, transposed, rows, (struct position_softmax){columns.maxima, sums});
    for (size_t column = 0; column < tile->columns; column++) {
        columns.sums[column] += sums[column];
    }
}

void position_tile_gradients(const struct position_tile *tile, float *scores, float *products,
                             float *transposed, struct position_sums rows,
                             struct position_sums columns) {
    fill_up(tile, scores);
    CHOSEN(gradients)(tile, scores, products, transposed, rows, columns);
}
