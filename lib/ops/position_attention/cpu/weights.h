// What position attention on the CPU makes of a tile of scores: weights exp(s - maximum) of
// the softmax, which are 0 below about e^-60 (SOFTMAX_MIN), and gradients. Tiles' columns are used
// in whole vectors: up to position_whole(columns), where scores are made so small that weights are
// 0. Arrays of columns are read so far, too.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CPU_WEIGHTS_H
#define PLEURA_OPS_POSITION_ATTENTION_CPU_WEIGHTS_H

#include "ops/position_attention/cpu/tiles.h"

#define POSITION_LANES 16 // parts that sums of rows are made of, on every processor

static inline size_t position_whole(size_t columns) {
    return (columns + POSITION_LANES - 1) / POSITION_LANES * POSITION_LANES;
}

// Of each pixel of a tile's rows or columns: the maximum of its scores, and the sum that weights
// are added to.
struct position_softmax {
    const float *maxima;
    float *sums;
};

// Scores become weights of the rows.
void position_tile_weights(const struct position_tile *tile, float *scores,
                           struct position_softmax rows);

// The same, and `transposed` becomes weights of the columns.
void position_tile_both_weights(const struct position_tile *tile, float *scores, float *transposed,
                                struct position_softmax rows, struct position_softmax columns);

// Of each pixel: the logarithm L of its weights' sum, and D of formula.h.
struct position_sums {
    const float *logs, *d;
};

// scores: s_ij, then g_ij; products: dY_i . v_j, then P_ij = exp(s_ij - L_i); transposed: dY_j .
// v_i, then P_ji = exp(s_ij - L_j).
void position_tile_gradients(const struct position_tile *tile, float *scores, float *products,
                             float *transposed, struct position_sums rows,
                             struct position_sums columns);

#endif
