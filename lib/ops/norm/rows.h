// Norms on the CPU: arithmetic on a block of rows, at most NORM_BLOCK numbers, which are read and
// written as they are stored.
#ifndef PLEURA_OPS_NORM_ROWS_H
#define PLEURA_OPS_NORM_ROWS_H

#include "backend/backend.h"

#include <stdbool.h>
#include <stddef.h>

#define NORM_BLOCK 16384 // numbers

// What is saved, a channel each: struct norm_channel.
struct normal {
    float *mean, *inverse, *rest;
};

// What normalises a row, a channel each: (x - mean) * scale + shift.
struct norm_affine {
    const float *mean, *scale, *shift;
};

// Sums of one chunk, a channel each. Forward: mean and sum of squared differences; backward: sums
// of the gradient and of its product with the normalised input.
struct sums {
    double *first, *second;
};

// What lets a gradient pass, as the ReLU does: where the output is positive, or the norm of the
// input.
enum norm_mask { NORM_UNMASKED, NORM_MASK_BY_OUTPUT, NORM_MASK_BY_INPUT };

// One block: its input, its output's gradient, and what tells where that passes the ReLU.
struct block {
    enum precision precision;
    size_t first, rows;     // number of the first element; rows
    const void *x, *dy, *y; // y: with NORM_MASK_BY_OUTPUT
    enum norm_mask mask;
    struct norm_affine affine; // with NORM_MASK_BY_INPUT
};

// What the input's gradient is made of, a channel each.
struct factors {
    struct normal normal;
    const float *weight; // of the output's gradient; NULL: 1
    const float *scale, *mean_plain, *mean_product;
};

// Mean and sum of squared differences of a block of `count` rows, joined to those of `seen` rows
// before it.
void norm_join_block(enum precision stored, const void *x, size_t count, size_t channels,
                     size_t seen, struct sums sums);

// y = the norm + residual (NULL: none), then ReLU if asked. y may lie where x or the residual does.
void norm_apply(enum precision stored, const void *x, const void *residual, size_t rows,
                size_t channels, struct norm_affine affine, bool relu, void *y);

// dz = the block's gradient behind the ReLU, added to what is there if asked. It may lie where dy
// does.
void norm_mask(const struct block *block, size_t channels, bool adds, void *dz);

// Adds a block's gradients, and their products with the normalised input, to `sums`.
void norm_add_block(const struct block *block, struct normal normal, size_t channels,
                    struct sums sums);

// dx = norm_gradient of weight * dz, added to what is there if asked. It may lie where dy does.
void norm_input_gradient(const struct block *block, const struct factors *factors, size_t channels,
                         bool adds, void *dx);

#endif
