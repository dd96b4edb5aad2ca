// What position attention makes of a tile of scores by AVX-512 in bf16 at once: weights of its rows
// and columns, and gradients, in the orders that products read. Tiles of POSITION_BLOCK columns are
// made: the tile's arrays have room for that and for an even number of rows, and what lies beyond
// the tile is overwritten. Weights are exp(score - maximum) with an error of 0.22 % (root mean
// square; bf16 rounds by 0.17) down to 2^-126, and 0 below.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CPU_BF16_TILE_H
#define PLEURA_OPS_POSITION_ATTENTION_CPU_BF16_TILE_H

#include "ops/position_attention/cpu/weights.h"

// How far above a pixel's greatest score its maximum is set, so that it seldom rises: weights are
// 0 that are below e^-55 of the greatest one. It is at most 32 where a great maximum is rounded;
// more could leave no weight in float32.
#define POSITION_MARGIN 30.0F

// Numbers of a tile in bf16: in rows of POSITION_BLOCK, or in pairs of rows, (row / 2, column, row
// % 2).
struct position_bf16_gradients {
    uint16_t *rows, *pairs;           // g_ij
    uint16_t *weight_pairs;           // P_ij
    uint16_t *transposed_weight_rows; // P_ji
};

// Both return false where a weight would be 2 or greater, or is NaN: nothing is added to sums, and
// float32 has to do.
struct position_bf16_functions {
    // Weights of the rows in rows, of the columns in pairs; sums are those of rounded weights.
    bool (*weights)(const struct position_tile *tile, float *scores, struct position_softmax rows,
                    struct position_softmax columns, uint16_t *of_rows, uint16_t *of_columns);

    // As position_tile_gradients has it.
    bool (*gradients)(const struct position_tile *tile, float *scores, float *products,
                      float *transposed, struct position_sums rows, struct position_sums columns,
                      const struct position_bf16_gradients *gradients);
};

// This processor's; NULL: it lacks products of bf16 or permutations of bytes.
const struct position_bf16_functions *position_bf16_tiles(void);

#endif
