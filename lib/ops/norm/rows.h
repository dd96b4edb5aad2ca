// Norms on the CPU: arithmetic on a block of rows, at most NORM_BLOCK numbers.
#ifndef PLEURA_OPS_NORM_ROWS_H
#define PLEURA_OPS_NORM_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#define NORM_BLOCK 16384 // numbers

// What is saved, a channel each: struct norm_channel.
struct normal {
    float *mean, *inverse, *rest;
};

// Sums of one chunk, a channel each. Forward: mean and sum of squared differences; backward: sums
// of the gradient and of its product with the normalised input.
struct sums {
    double *first, *second;
};

// One block: its input, and its output's gradient with the ReLU taken into account.
struct block {
    size_t first, rows; // number of the first element; rows
    const float *x;
    float dz[NORM_BLOCK];
    float of_x[NORM_BLOCK];
};

// What the input's gradient is made of, a channel each.
struct factors {
    struct normal normal;
    const float *scale, *mean_plain, *mean_product;
};

// Mean and sum of squared differences of a block, joined to those of `seen` rows before it.
void norm_join_block(const float *x, size_t rows, size_t channels, size_t seen, struct sums sums);

// y = (x - mean) * scale + shift + residual (NULL: none), then ReLU if asked.
void norm_apply(const float *x, const float *residual, size_t rows, size_t channels,
                const float *mean, const float *scale, const float *shift, bool relu, float *y);

// The gradient behind a ReLU: dz = dy where its output was positive; that is y, or recomputed from
// x.
void norm_mask_by_output(const float *dy, const float *y, size_t count, float *dz);
void norm_mask_by_input(const float *dy, const float *x, const float *mean, const float *scale,
                        const float *shift, size_t rows, size_t channels, float *dz);

// Adds a block's gradients, and their products with the normalised input, to `sums`.
void norm_add_block(const struct block *block, struct normal normal, size_t channels,
                    struct sums sums);

// dz *= scale, a row's channels each.
void norm_scale_rows(const float *scale, size_t rows, size_t channels, float *dz);

// dx = norm_gradient, added to what is there if asked.
void norm_input_gradient(const struct block *block, const struct factors *factors, size_t channels,
                         bool add, float *dx);

#endif
