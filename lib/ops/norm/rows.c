// Norms' arithmetic on rows of channels.
#include "ops/norm/rows.h"

#include "core/simd.h"
#include "ops/norm/formula.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINED __attribute__((always_inline)) static inline

// Rows that a channel's sums are loaded and stored once for.
#define TOGETHER 4

// What is done with TOGETHER rows at once and, at the end, with single ones: `rows` is a constant
// in each.
#define FOR_ROWS(count, call)                                                                      \
    do {                                                                                           \
        size_t row = 0;                                                                            \
        for (const size_t rows = TOGETHER; row + rows <= (count); row += rows) {                   \
            call;                                                                                  \
        }                                                                                          \
        for (const size_t rows = 1; row < (count); row += rows) {                                  \
            call;                                                                                  \
        }                                                                                          \
    } while (0)

// ---- forward

INLINED void add_rows(size_t rows, const float *x, size_t channels, float *restrict sums) {
    for (size_t c = 0; c < channels; c++) {
        float sum = sums[c];
        for (size_t row = 0; row < rows; row++) {
            sum += x[row * channels + c];
        }
        sums[c] = sum;
    }
}

INLINED void add_squares(size_t rows, const float *x, size_t channels, const float *mean,
                         float *restrict sums) {
    for (size_t c = 0; c < channels; c++) {
        float sum = sums[c];
        for (size_t row = 0; row < rows; row++) {
            const float from_mean = x[row * channels + c] - mean[c];
            sum += from_mean * from_mean;
        }
        sums[c] = sum;
    }
}

VECTORISED void norm_join_block(const float *x, size_t count, size_t channels, size_t seen,
                                struct sums sums) {
    float mean[NORM_BLOCK];
    float squares[NORM_BLOCK];
    memset(mean, 0, channels * sizeof *mean);
    memset(squares, 0, channels * sizeof *squares);
    FOR_ROWS(count, add_rows(rows, x + row * channels, channels, mean));
    const float share = 1.0F / (float)count;
    for (size_t c = 0; c < channels; c++) {
        mean[c] *= share;
    }
    FOR_ROWS(count, add_squares(rows, x + row * channels, channels, mean, squares));
    const double part = (double)count / (double)(seen + count);
    const double weight = part * (double)seen;
    for (size_t c = 0; c < channels; c++) {
        const double apart = mean[c] - sums.first[c];
        sums.first[c] += apart * part;
        sums.second[c] += squares[c] + apart * apart * weight;
    }
}

VECTORISED void norm_apply(const float *x, const float *residual, size_t rows, size_t channels,
                           struct norm_affine affine, bool relu, float *y) {
    const float minimum = relu ? 0 : -INFINITY; // NaN is to stay, and to be found
    for (size_t row = 0; row < rows; row++) {
        const size_t offset = row * channels;
        if (residual != NULL) {
#pragma GCC ivdep
            for (size_t c = 0; c < channels; c++) {
                const float sum =
                    norm_of(x[offset + c], affine.mean[c], affine.scale[c], affine.shift[c]) +
                    residual[offset + c];
                y[offset + c] = sum < minimum ? minimum : sum;
            }
        } else {
#pragma GCC ivdep
            for (size_t c = 0; c < channels; c++) {
                const float sum =
                    norm_of(x[offset + c], affine.mean[c], affine.scale[c], affine.shift[c]);
                y[offset + c] = sum < minimum ? minimum : sum;
            }
        }
    }
}

// ---- backward

// What a block's numbers and a channel's are read from, for the compiler to keep in registers.
struct masked {
    const float *x, *dy, *y, *mean, *scale, *shift;
};

INLINED struct masked masked_of(const struct block *block) {
    return (struct masked){block->x,           block->dy,           block->y,
                           block->affine.mean, block->affine.scale, block->affine.shift};
}

// The gradient behind the ReLU, of number `i`, in channel c. Bits are masked, since compilers make
// a load under a mask of a choice, and that takes AMD's older processors many cycles.
INLINED float behind_relu(enum norm_mask mask, const struct masked *from, size_t i, size_t c) {
    float decides = 1;
    if (mask == NORM_MASK_BY_OUTPUT) {
        decides = from->y[i];
    } else if (mask == NORM_MASK_BY_INPUT) {
        decides = norm_of(from->x[i], from->mean[c], from->scale[c], from->shift[c]);
    }
    float dz = from->dy[i];
    uint32_t bits;
    memcpy(&bits, &dz, sizeof bits);
    bits &= -(uint32_t)(decides > 0);
    memcpy(&dz, &bits, sizeof dz);
    return dz;
}

// Does something for each kind of mask, which is a constant in each.
#define FOR_MASK(kind, call)                                                                       \
    do {                                                                                           \
        if ((kind) == NORM_MASK_BY_INPUT) {                                                        \
            const enum norm_mask mask = NORM_MASK_BY_INPUT;                                        \
            call;                                                                                  \
        } else if ((kind) == NORM_MASK_BY_OUTPUT) {                                                \
            const enum norm_mask mask = NORM_MASK_BY_OUTPUT;                                       \
            call;                                                                                  \
        } else {                                                                                   \
            const enum norm_mask mask = NORM_UNMASKED;                                             \
            call;                                                                                  \
        }                                                                                          \
    } while (0)

INLINED void mask_rows(enum norm_mask mask, const struct block *block, size_t channels, float *dz) {
    const struct masked from = masked_of(block);
    for (size_t row = 0; row < block->rows; row++) {
#pragma GCC ivdep
        for (size_t c = 0; c < channels; c++) {
            dz[row * channels + c] = behind_relu(mask, &from, row * channels + c, c);
        }
    }
}

VECTORISED void norm_mask(const struct block *block, size_t channels, float *dz) {
    FOR_MASK(block->mask, mask_rows(mask, block, channels, dz));
}

INLINED void add_gradients(enum norm_mask mask, size_t rows, size_t first,
                           const struct block *block, struct normal normal, size_t channels,
                           float *restrict plain, float *restrict product) {
    const struct masked from = masked_of(block);
    for (size_t c = 0; c < channels; c++) {
        float plain_sum = plain[c];
        float product_sum = product[c];
#pragma GCC unroll 4
        for (size_t row = 0; row < rows; row++) {
            const size_t i = (first + row) * channels + c;
            const float dz = behind_relu(mask, &from, i, c);
            plain_sum += dz;
            product_sum +=
                dz * norm_of(from.x[i], normal.mean[c], normal.inverse[c], normal.rest[c]);
        }
        plain[c] = plain_sum;
        product[c] = product_sum;
    }
}

VECTORISED void norm_add_block(const struct block *block, struct normal normal, size_t channels,
                               struct sums sums) {
    float plain[NORM_BLOCK];
    float product[NORM_BLOCK];
    memset(plain, 0, channels * sizeof *plain);
    memset(product, 0, channels * sizeof *product);
    FOR_MASK(block->mask, FOR_ROWS(block->rows, add_gradients(mask, rows, row, block, normal,
                                                              channels, plain, product)));
    for (size_t c = 0; c < channels; c++) {
        sums.first[c] += plain[c];
        sums.second[c] += product[c];
    }
}

INLINED void input_gradient(enum norm_mask mask, bool weighted, bool add, const struct block *block,
                            const struct factors *factors, size_t channels, float *dx) {
    const struct masked from = masked_of(block);
    const struct factors by = *factors;
    for (size_t row = 0; row < block->rows; row++) {
#pragma GCC ivdep
        for (size_t c = 0; c < channels; c++) {
            const size_t i = row * channels + c;
            const float dz = behind_relu(mask, &from, i, c);
            const float normalised =
                norm_of(from.x[i], by.normal.mean[c], by.normal.inverse[c], by.normal.rest[c]);
            const float result = norm_gradient(weighted ? dz * by.weight[c] : dz, normalised,
                                               by.scale[c], by.mean_plain[c], by.mean_product[c]);
            dx[i] = add ? dx[i] + result : result;
        }
    }
}

VECTORISED void norm_input_gradient(const struct block *block, const struct factors *factors,
                                    size_t channels, bool add, float *dx) {
    if (factors->weight != NULL && add) {
        FOR_MASK(block->mask, input_gradient(mask, true, true, block, factors, channels, dx));
    } else if (factors->weight != NULL) {
        FOR_MASK(block->mask, input_gradient(mask, true, false, block, factors, channels, dx));
    } else if (add) {
        FOR_MASK(block->mask, input_gradient(mask, false, true, block, factors, channels, dx));
    } else {
        FOR_MASK(block->mask, input_gradient(mask, false, false, block, factors, channels, dx));
    }
}
