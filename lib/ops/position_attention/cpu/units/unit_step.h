// What the forward pass by matrix units (unit_forward.h) is made of, by UNIT_COLUMNS pixels
// against a block of others: their scores, weights of these, and products with values.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CPU_UNIT_STEP_H
#define PLEURA_OPS_POSITION_ATTENTION_CPU_UNIT_STEP_H

#include "backend/cpu/products/bf16.h"

#define UNIT_LANES ((size_t)16)
#define UNIT_COLUMNS (2 * UNIT_LANES)

// A weight is 2^((score * UNIT_SCALE + offset - UNIT_ZERO) / 256 - 127): the sum is so large that
// its integer lies in a float's low bits.
#define UNIT_SCALE 0x1.715476p+8f // 256 / ln 2
#define UNIT_ZERO 0x1.8p23f
#define UNIT_ONE (127 * 256 + 1) // of the weight 1; 1 more rounds what is halved

// The offset with which the score `maximum` has the weight 1, and the score that has it with an
// offset, which is a rounded number.
static inline float unit_offset(float maximum) {
    return UNIT_ZERO + UNIT_ONE - maximum * UNIT_SCALE;
}

static inline float unit_maximum(float offset) {
    return (UNIT_ZERO + UNIT_ONE - offset) / UNIT_SCALE;
}

// Three parts, each of other pixels or another block, so that none waits for another, and matrix
// units work while vectors do.
struct unit_step {
    size_t block; // the others: a multiple of 32

    // Scores S^T (block x UNIT_COLUMNS) of q in rows of `depth` numbers, whole tiles, and of q
    // in panels of 16 pixels; NULL: none.
    const uint16_t *rows, *panels;
    size_t depth;
    float *new_scores;

    // Scores to weights in bf16, panels in pairs of rows: (column / 16, row / 2, column % 16,
    // row % 2). Those below 2^-126 are 0 or denormal numbers, which matrix units take for 0.
    const float *scores; // NULL: none
    const float *offsets;
    uint16_t *weights;

    // sums (value_rows x UNIT_COLUMNS) (+)= values (value_rows x block) weights.
    const uint16_t *values; // NULL: none
    size_t value_rows;      // whole tiles
    const uint16_t *old_weights;
    bool add;
    float *sums;
};

struct unit_functions {
    // Before and after steps, on the thread that makes them.
    void (*begin)(void);
    void (*end)(void);

    void (*step)(const struct unit_step *step);

    // The greatest of each column of scores.
    void (*maxima)(const float *scores, size_t rows, float maxima[UNIT_COLUMNS]);
};

// This processor's; NULL: it has no matrix units, or the system keeps them from this process.
const struct unit_functions *position_units(void);

#endif
