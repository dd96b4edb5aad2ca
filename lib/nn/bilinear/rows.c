// Bilinear interpolation's arithmetic on rows.
#include "nn/bilinear/rows.h"

#include "backend/cpu/number.h"
#include "core/numbers/size.h"
#include "core/simd.h"

#include <string.h>

#define INLINED __attribute__((always_inline)) static inline

// Terms of a sum that are added at once: as many as there are to twice the size, but at the edges.
#define TOGETHER ((size_t)4)

#define WITH(name, value, call)                                                                    \
    {                                                                                              \
        const size_t name = (value);                                                               \
        call;                                                                                      \
        break;                                                                                     \
    }

// Makes a call with `width`, which is a constant for the narrow maps of most pixels.
#define FOR_WIDTH(channels, call)                                                                  \
    switch (channels) {                                                                            \
    case 1: WITH(width, 1, call)                                                                   \
    case 8: WITH(width, 8, call)                                                                   \
    case 16: WITH(width, 16, call)                                                                 \
    case 32: WITH(width, 32, call)                                                                 \
    default: WITH(width, channels, call)                                                           \
    }

// Makes a call with `terms`, a constant: 1 to TOGETHER.
#define FOR_TERMS(count, call)                                                                     \
    switch (count) {                                                                               \
    case 1: WITH(terms, 1, call)                                                                   \
    case 2: WITH(terms, 2, call)                                                                   \
    case 3: WITH(terms, 3, call)                                                                   \
    default: WITH(terms, TOGETHER, call)                                                           \
    }

// ---- forward

VECTORISED void bilinear_between(const float *a, const float *b, float share, size_t count,
                                 float *result) {
    for (size_t i = 0; i < count; i++) {
        result[i] = (1.0F - share) * a[i] + share * b[i];
    }
}

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

VECTORISED void bilinear_stretch(const struct bilinear_weights *along, const float *row,
                                 size_t channels, float *out) {
    FOR_WIDTH(channels, stretch_by(along, row, width, out));
}

// ---- backward

// sum = rows * weights, or with `add` += them; `terms`, how many, is a constant.
INLINED void mix_by(enum precision precision, size_t terms, const void *const *rows,
                    const float *weights, size_t count, bool add, float *restrict sum) {
    const void *from[TOGETHER];
    float weight[TOGETHER];
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

VECTORISED static void mix(enum precision stored, size_t count_of_rows, const void *const *rows,
                           const float *weights, size_t count, bool add, float *sum) {
    CPU_FOR_PRECISION(
        stored, FOR_TERMS(count_of_rows, mix_by(precision, terms, rows, weights, count, add, sum)));
}

void bilinear_gather_rows(const struct bilinear_weights *down, enum precision stored,
                          const void *rows, size_t count, size_t row, float *sum) {
    const size_t end = down->first[row + 1];
    if (end == down->first[row]) {
        memset(sum, 0, count * sizeof *sum);
    }
    for (size_t first = down->first[row]; first < end; first += TOGETHER) {
        const size_t terms = size_min(end - first, TOGETHER);
        const void *from[TOGETHER] = {NULL};
        for (size_t k = 0; k < terms; k++) {
            from[k] =
                (const char *)rows + down->outputs[first + k] * count * precision_size(stored);
        }
        mix(stored, terms, from, down->weights + first, count, first > down->first[row], sum);
    }
}

// Adds a pixel's terms, from the list's `first` one on; `terms`, how many, is a constant.
INLINED void gather_by(const struct bilinear_weights *along, size_t first, size_t terms,
                       const float *sums, size_t channels, float *restrict to) {
    const float *from[TOGETHER];
    float weight[TOGETHER];
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

INLINED void shrink_by(const struct bilinear_weights *along, const float *sums, size_t channels,
                       float *dx) {
    for (size_t i = 0; i < along->in; i++) {
        const size_t end = along->first[i + 1];
        for (size_t first = along->first[i]; first < end; first += TOGETHER) {
            FOR_TERMS(size_min(end - first, TOGETHER),
                      gather_by(along, first, terms, sums, channels, dx + i * channels));
        }
    }
}

VECTORISED void bilinear_shrink(const struct bilinear_weights *along, const float *sums,
                                size_t channels, float *dx) {
    FOR_WIDTH(channels, shrink_by(along, sums, width, dx));
}
