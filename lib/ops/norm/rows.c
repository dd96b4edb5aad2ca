// Norms' arithmetic on rows of channels.
#include "ops/norm/rows.h"

#include "backend/cpu/number.h"
#include "core/simd.h"
#include "ops/norm/formula.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINED __attribute__((always_inline)) static inline

// number, on top of what is there if asked.
INLINED void put(enum precision precision, bool add, float number, void *numbers, size_t i) {
    cpu_store(precision, add ? cpu_load(precision, numbers, i) + number : number, numbers, i);
}

// Makes a call for each kind of mask, which is a constant of the name `mask` there.
#define FOR_MASK(value, call)                                                                      \
    do {                                                                                           \
        if ((value) == NORM_MASK_BY_INPUT) {                                                       \
            const enum norm_mask mask = NORM_MASK_BY_INPUT;                                        \
            call;                                                                                  \
        } else if ((value) == NORM_MASK_BY_OUTPUT) {                                               \
            const enum norm_mask mask = NORM_MASK_BY_OUTPUT;                                       \
            call;                                                                                  \
        } else {                                                                                   \
            const enum norm_mask mask = NORM_UNMASKED;                                             \
            call;                                                                                  \
        }                                                                                          \
    } while (0)

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

INLINED void add_rows(enum precision precision, size_t rows, const void *x, size_t first,
                      size_t channels, float *restrict sums) {
    for (size_t c = 0; c < channels; c++) {
        float sum = sums[c];
        for (size_t row = 0; row < rows; row++) {
            sum += cpu_load(precision, x, (first + row) * channels + c);
        }
        sums[c] = sum;
    }
}

INLINED void add_squares(enum precision precision, size_t rows, const void *x, size_t first,
                         size_t channels, const float *mean, float *restrict sums) {
    for (size_t c = 0; c < channels; c++) {
        float sum = sums[c];
        for (size_t row = 0; row < rows; row++) {
            const float from_mean = cpu_load(precision, x, (first + row) * channels + c) - mean[c];
            sum += from_mean * from_mean;
        }
        sums[c] = sum;
    }
}

VECTORISED void norm_join_block(enum precision stored, const void *x, size_t count, size_t channels,
                                size_t seen, struct sums sums) {
    float mean[NORM_BLOCK];
    float squares[NORM_BLOCK];
    memset(mean, 0, channels * sizeof *mean);
    memset(squares, 0, channels * sizeof *squares);
    CPU_FOR_PRECISION(stored, FOR_ROWS(count, add_rows(precision, rows, x, row, channels, mean)));
    const float share = 1.0F / (float)count;
    for (size_t c = 0; c < channels; c++) {
        mean[c] *= share;
    }
    CPU_FOR_PRECISION(
        stored, FOR_ROWS(count, add_squares(precision, rows, x, row, channels, mean, squares)));
    const double part = (double)count / (double)(seen + count);
    const double weight = part * (double)seen;
    for (size_t c = 0; c < channels; c++) {
        const double apart = mean[c] - sums.first[c];
        sums.first[c] += apart * part;
        sums.second[c] += squares[c] + apart * apart * weight;
    }
}

INLINED void apply(enum precision precision, bool adds, const void *x, const void *residual,
                   size_t rows, size_t channels, struct norm_affine affine, float minimum,
                   void *y) {
    for (size_t row = 0; row < rows; row++) {
#pragma GCC ivdep
        for (size_t c = 0; c < channels; c++) {
            const size_t i = row * channels + c;
            float sum = norm_of(cpu_load(precision, x, i), affine.mean[c], affine.scale[c],
                                affine.shift[c]);
            sum = adds ? sum + cpu_load(precision, residual, i) : sum;
            cpu_store(precision, sum < minimum ? minimum : sum, y, i);
        }
    }
}

VECTORISED void norm_apply(enum precision stored, const void *x, const void *residual, size_t rows,
                           size_t channels, struct norm_affine affine, bool relu, void *y) {
    const float minimum = relu ? 0 : -INFINITY; // NaN is to stay, and to be found
    CPU_FOR_PRECISION(stored, CPU_FOR_FLAG(adds, residual != NULL,
                                           apply(precision, adds, x, residual, rows, channels,
                                                 affine, minimum, y)));
}

// ---- backward

// What a block's numbers and a channel's are read from, for the compiler to keep in registers.
struct masked {
    const void *x, *dy, *y;
    const float *mean, *scale, *shift;
};

INLINED struct masked masked_of(const struct block *block) {
    return (struct masked){block->x,           block->dy,           block->y,
                           block->affine.mean, block->affine.scale, block->affine.shift};
}

// The gradient behind the ReLU, of number `i`, in channel c. Bits are masked, since compilers make
// a load under a mask of a choice, and that takes AMD's older processors many cycles.
INLINED float behind_relu(enum precision precision, enum norm_mask mask, const struct masked *from,
                          size_t i, size_t c) {
    float decides = 1;
    if (mask == NORM_MASK_BY_OUTPUT) {
        decides = cpu_load(precision, from->y, i);
    } else if (mask == NORM_MASK_BY_INPUT) {
        decides =
            norm_of(cpu_load(precision, from->x, i), from->mean[c], from->scale[c], from->shift[c]);
    }
    float dz = cpu_load(precision, from->dy, i);
    uint32_t bits;
    memcpy(&bits, &dz, sizeof bits);
    bits &= -(uint32_t)(decides > 0);
    memcpy(&dz, &bits, sizeof dz);
    return dz;
}

INLINED void mask_rows(enum precision precision, enum norm_mask mask, bool add,
                       const struct block *block, size_t channels, void *dz) {
    const struct masked from = masked_of(block);
    for (size_t row = 0; row < block->rows; row++) {
#pragma GCC ivdep
        for (size_t c = 0; c < channels; c++) {
            const size_t i = row * channels + c;
            put(precision, add, behind_relu(precision, mask, &from, i, c), dz, i);
        }
    }
}

VECTORISED void norm_mask(const struct block *block, size_t channels, bool adds, void *dz) {
    CPU_FOR_PRECISION(
        block->precision,
        FOR_MASK(block->mask,
                 CPU_FOR_FLAG(add, adds, mask_rows(precision, mask, add, block, channels, dz))));
}

INLINED void add_gradients(enum precision precision, enum norm_mask mask, size_t rows, size_t first,
                           const struct block *block, struct normal normal, size_t channels,
                           float *restrict plain, float *restrict product) {
    const struct masked from = masked_of(block);
    for (size_t c = 0; c < channels; c++) {
        float plain_sum = plain[c];
        float product_sum = product[c];
#pragma GCC unroll 4
        for (size_t row = 0; row < rows; row++) {
            const size_t i = (first + row) * channels + c;
            const float dz = behind_relu(precision, mask, &from, i, c);
            plain_sum += dz;
            product_sum += dz * norm_of(cpu_load(precision, from.x, i), normal.mean[c],
                                        normal.inverse[c], normal.rest[c]);
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
    CPU_FOR_PRECISION(
        block->precision,
        FOR_MASK(block->mask,
                 FOR_ROWS(block->rows, add_gradients(precision, mask, rows, row, block, normal,
                                                     channels, plain, product))));
    for (size_t c = 0; c < channels; c++) {
        sums.first[c] += plain[c];
        sums.second[c] += product[c];
    }
}

INLINED void input_gradient(enum precision precision, enum norm_mask mask, bool weighted, bool add,
                            const struct block *block, const struct factors *factors,
                            size_t channels, void *dx) {
    const struct masked from = masked_of(block);
    const struct factors by = *factors;
    for (size_t row = 0; row < block->rows; row++) {
#pragma GCC ivdep
        for (size_t c = 0; c < channels; c++) {
            const size_t i = row * channels + c;
            const float dz = behind_relu(precision, mask, &from, i, c);
            const float normalised = norm_of(cpu_load(precision, from.x, i), by.normal.mean[c],
                                             by.normal.inverse[c], by.normal.rest[c]);
            const float result = norm_gradient(weighted ? dz * by.weight[c] : dz, normalised,
                                               by.scale[c], by.mean_plain[c], by.mean_product[c]);
            put(precision, add, result, dx, i);
        }
    }
}

VECTORISED void norm_input_gradient(const struct block *block, const struct factors *factors,
                                    size_t channels, bool adds, void *dx) {
    CPU_FOR_PRECISION(
        block->precision,
        FOR_MASK(block->mask,
                 CPU_FOR_FLAG(weighted, factors->weight != NULL,
                              CPU_FOR_FLAG(add, adds,
                                           input_gradient(precision, mask, weighted, add, block,
                                                          factors, channels, dx)))));
}
