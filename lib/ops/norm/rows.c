// Norms' arithmetic on rows of channels.
#include "ops/norm/rows.h"

#include "core/simd.h"
#include "ops/norm/formula.h"

#include <math.h>
#include <string.h>

VECTORISED void norm_join_block(const float *x, size_t rows, size_t channels, size_t seen,
                                struct sums sums) {
    float mean[NORM_BLOCK];
    float squares[NORM_BLOCK];
    memset(mean, 0, channels * sizeof *mean);
    memset(squares, 0, channels * sizeof *squares);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < channels; c++) {
            mean[c] += x[row * channels + c];
        }
    }
    const float share = 1.0F / (float)rows;
    for (size_t c = 0; c < channels; c++) {
        mean[c] *= share;
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < channels; c++) {
            const float from_mean = x[row * channels + c] - mean[c];
            squares[c] += from_mean * from_mean;
        }
    }
    const double part = (double)rows / (double)(seen + rows);
    const double weight = part * (double)seen;
    for (size_t c = 0; c < channels; c++) {
        const double apart = mean[c] - sums.first[c];
        sums.first[c] += apart * part;
        sums.second[c] += squares[c] + apart * apart * weight;
    }
}

VECTORISED void norm_apply(const float *x, const float *residual, size_t rows, size_t channels,
                           const float *mean, const float *scale, const float *shift, bool relu,
                           float *y) {
    const float minimum = relu ? 0 : -INFINITY; // NaN is to stay, and to be found
    for (size_t row = 0; row < rows; row++) {
        const size_t offset = row * channels;
        if (residual != NULL) {
            for (size_t c = 0; c < channels; c++) {
                const float sum =
                    norm_of(x[offset + c], mean[c], scale[c], shift[c]) + residual[offset + c];
                y[offset + c] = sum < minimum ? minimum : sum;
            }
        } else {
            for (size_t c = 0; c < channels; c++) {
                const float sum = norm_of(x[offset + c], mean[c], scale[c], shift[c]);
                y[offset + c] = sum < minimum ? minimum : sum;
            }
        }
    }
}

VECTORISED void norm_mask_by_output(const float *dy, const float *y, size_t count, float *dz) {
    for (size_t i = 0; i < count; i++) {
        dz[i] = y[i] > 0 ? dy[i] : 0;
    }
}

VECTORISED void norm_mask_by_input(const float *dy, const float *x, const float *mean,
                                   const float *scale, const float *shift, size_t rows,
                                   size_t channels, float *dz) {
    for (size_t row = 0; row < rows; row++) {
        const size_t offset = row * channels;
        for (size_t c = 0; c < channels; c++) {
            dz[offset + c] =
                norm_of(x[offset + c], mean[c], scale[c], shift[c]) > 0 ? dy[offset + c] : 0;
        }
    }
}

VECTORISED void norm_add_block(const struct block *block, struct normal normal, size_t channels,
                               struct sums sums) {
    float plain[NORM_BLOCK];
    float product[NORM_BLOCK];
    memset(plain, 0, channels * sizeof *plain);
    memset(product, 0, channels * sizeof *product);
    for (size_t row = 0; row < block->rows; row++) {
        const float *x = block->x + row * channels;
        const float *dz = block->dz + row * channels;
        for (size_t c = 0; c < channels; c++) {
            plain[c] += dz[c];
            product[c] += dz[c] * norm_of(x[c], normal.mean[c], normal.inverse[c], normal.rest[c]);
        }
    }
    for (size_t c = 0; c < channels; c++) {
        sums.first[c] += plain[c];
        sums.second[c] += product[c];
    }
}

VECTORISED void norm_scale_rows(const float *scale, size_t rows, size_t channels, float *dz) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < channels; c++) {
            dz[row * channels + c] *= scale[c];
        }
    }
}

VECTORISED void norm_input_gradient(const struct block *block, const struct factors *factors,
                                    size_t channels, bool add, float *dx) {
    const struct normal normal = factors->normal;
    const float *scale = factors->scale;
    const float *mean_plain = factors->mean_plain;
    const float *mean_product = factors->mean_product;
    for (size_t row = 0; row < block->rows; row++) {
        const size_t offset = row * channels;
        for (size_t c = 0; c < channels; c++) {
            const float normalised =
                norm_of(block->x[offset + c], normal.mean[c], normal.inverse[c], normal.rest[c]);
            const float result = norm_gradient(block->dz[offset + c], normalised, scale[c],
                                               mean_plain[c], mean_product[c]);
            dx[offset + c] = add ? dx[offset + c] + result : result;
        }
    }
}
