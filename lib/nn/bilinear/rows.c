// Up-sampling's arithmetic on rows.
#include "ops/upsample/cpu/rows.h"

#include "backend/cpu/number.h"
#include "core/numbers/size.h"
#include "core/simd.h"

#define INLINED __attribute__((always_inline)) static inline

// ---- forward

VECTORISED void upsample_between(const float *a, const float *b, float share, size_t count,
                                 float *result) {
    for (size_t i = 0; i < count; i++) {
        result[i] = (1.0F - share) * a[i] + share * b[i];
    }
}

// In these, `channels` is a constant where they are called for the narrow maps of most pixels.
INLINED void make_pixel(const struct bilinear_weights *along, const float *row, size_t channels,
                        size_t o, float *out) {
    const float *low = row + along->low[o] * channels;
    const float *high = low + (along->low[o] + 1 < along->in ? channels : 0);
    const float share = along->share[o];
#pragma omp simd
    for (size_t c = 0; c < channels; c++) {
        out[o * channels + c] = (1.0F - share) * low[c] + share * high[c];
    }
}

// To twice the width, two pixels lie between an input pixel and the next, with shares of 1/4 and
// 3/4.
INLINED void stretch_by(const struct bilinear_weights *along, const float *row, size_t channels,
                        float *restrict out) {
    if (along->out != 2 * along->in) {
        for (size_t o = 0; o < along->out; o++) {
            make_pixel(along, row, channels, o, out);
        }
        return;
    }
    make_pixel(along, row, channels, 0, out);
    for (size_t i = 0; i + 1 < along->in; i++) {
        const float *low = row + i * channels;
        float *to = out + (2 * i + 1) * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            to[c] = 0.75F * low[c] + 0.25F * low[channels + c];
            to[channels + c] = 0.25F * low[c] + 0.75F * low[channels + c];
        }
    }
    make_pixel(along, row, channels, along->out - 1, out);
}

VECTORISED void upsample_stretch(const struct bilinear_weights *along, const float *row,
                                 size_t channels, float *out) {
    switch (channels) {
    case 1: stretch_by(along, row, 1, out); break;
    case 8: stretch_by(along, row, 8, out); break;
    case 16: stretch_by(along, row, 16, out); break;
    case 32: stretch_by(along, row, 32, out); break;
    default: stretch_by(along, row, channels, out); break;
    }
}

// ---- backward

// sum = rows * weights, or with `add` += them; `terms`, how many, is a constant.
INLINED void mix_by(enum precision precision, size_t terms, const void *const *rows,
                    const float *weights, size_t count, bool add, float *restrict sum) {
    const void *from[UPSAMPLE_TOGETHER];
    float weight[UPSAMPLE_TOGETHER];
    for (size_t k = 0; k < terms; k++) {
        from[k] = rows[k];
        weight[k] = weights[k];
    }
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float total = add ? sum[i] : 0;
#pragma GCC unroll 4
        for (size_t k = 0; k < terms; k++) {
            total += weight[k] * cpu_load(precision, from[k], i);
        }
        sum[i] = total;
    }
}

INLINED void mix_some(enum precision precision, size_t terms, const void *const *rows,
                      const float *weights, size_t count, bool add, float *sum) {
    switch (terms) {
    case 1: mix_by(precision, 1, rows, weights, count, add, sum); break;
    case 2: mix_by(precision, 2, rows, weights, count, add, sum); break;
    case 3: mix_by(precision, 3, rows, weights, count, add, sum); break;
    default: mix_by(precision, UPSAMPLE_TOGETHER, rows, weights, count, add, sum); break;
    }
}

VECTORISED void upsample_mix(enum precision stored, size_t row_count, const void *const *rows,
                             const float *weights, size_t count, bool add, float *sum) {
    CPU_FOR_PRECISION(stored, mix_some(precision, row_count, rows, weights, count, add, sum));
}

// Adds a pixel's terms, from the list's `first` one on; `terms`, how many, is a constant.
INLINED void gather_by(const struct bilinear_weights *along, size_t first, size_t terms,
                       const float *sums, size_t channels, float *restrict to) {
    const float *from[UPSAMPLE_TOGETHER];
    float weight[UPSAMPLE_TOGETHER];
    for (size_t k = 0; k < terms; k++) {
        from[k] = sums + along->outputs[first + k] * channels;
        weight[k] = along->weights[first + k];
    }
#pragma omp simd
    for (size_t c = 0; c < channels; c++) {
        float total = to[c];
#pragma GCC unroll 4
        for (size_t k = 0; k < terms; k++) {
            total += weight[k] * from[k][c];
        }
        to[c] = total;
    }
}

INLINED void gather_some(const struct bilinear_weights *along, size_t first, size_t terms,
                         const float *sums, size_t channels, float *to) {
    switch (terms) {
    case 1: gather_by(along, first, 1, sums, channels, to); break;
    case 2: gather_by(along, first, 2, sums, channels, to); break;
    case 3: gather_by(along, first, 3, sums, channels, to); break;
    default: gather_by(along, first, UPSAMPLE_TOGETHER, sums, channels, to); break;
    }
}

INLINED void shrink_by(const struct bilinear_weights *along, const float *sums, size_t channels,
                       float *dx) {
    for (size_t i = 0; i < along->in; i++) {
        const size_t end = along->first[i + 1];
        for (size_t first = along->first[i]; first < end; first += UPSAMPLE_TOGETHER) {
            gather_some(along, first, size_min(end - first, UPSAMPLE_TOGETHER), sums, channels,
                        dx + i * channels);
        }
    }
}

VECTORISED void upsample_shrink(const struct bilinear_weights *along, const float *sums,
                                size_t channels, float *dx) {
    switch (channels) {
    case 1: shrink_by(along, sums, 1, dx); break;
    case 8: shrink_by(along, sums, 8, dx); break;
    case 16: shrink_by(along, sums, 16, dx); break;
    case 32: shrink_by(along, sums, 32, dx); break;
    default: shrink_by(along, sums, channels, dx); break;
    }
}
