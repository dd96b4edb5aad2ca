// What the transforms of Winograd's method share, 16 channels at a time. With A = 5/8 and B = 3/2
// the points of tiles of 4 are 0, A, -A, B, -B and infinity.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_TRANSFORMS_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_TRANSFORMS_H

#include "ops/convolution/cpu/winograd/tiles.h"

#include "backend/bf16.h"
#include "core/simd.h"

#include <math.h>

#define INLINE __attribute__((always_inline)) static inline

#define TILE MAX_TILE
#define SPAN MAX_SPAN

// Sanitized functions have no clones, and fmaf is a call there.
#ifdef __SANITIZE_ADDRESS__
#define FUSED(a, b, c) ((a) * (b) + (c))
#else
#define FUSED(a, b, c) fmaf(a, b, c)
#endif

typedef float lanes[LANES];

#define A 0.625F
#define B 1.5F
#define A2 (A * A)
#define B2 (B * B)

// 1 over the product of a point's distances to the others: of 0, of A and -A, of B and -B.
#define SCALE_0 (1 / (A2 * B2))
#define SCALE_A (1 / (2 * A2 * (A2 - B2)))
#define SCALE_B (1 / (2 * B2 * (B2 - A2)))

static const lanes zeros;

// Where `count` things begin that lie `step` floats apart.
INLINE void find_row(const float *from, size_t step, size_t count, const float **row) {
    for (size_t i = 0; i < count; i++) {
        row[i] = from + i * step;
    }
}

// 16 channels of `count` pixels, every side'th from `first` on; bf16 is converted into `converted`.
INLINE void find_column(enum precision precision, const void *numbers, const size_t *first,
                        size_t side, size_t count, size_t channel, lanes *converted,
                        const float **column) {
    for (size_t i = 0; i < count; i++) {
        const size_t offset = first[i * side];
        if (offset == NOWHERE) {
            column[i] = zeros;
        } else if (precision == PRECISION_F32) {
            column[i] = (const float *)numbers + offset + channel;
        } else {
            const uint16_t *bf16 = (const uint16_t *)numbers + offset + channel;
            for (size_t k = 0; k < LANES; k++) {
                converted[i][k] = bf16_to(bf16[k]);
            }
            column[i] = converted[i];
        }
    }
}

// Asks the cache for 16 channels of `side` x `side` pixels, but for the first `known` columns. What
// lies outside of the image asks for something that need not be there.
INLINE void fetch_pixels(enum precision precision, const void *numbers, const size_t *pixels,
                         size_t side, size_t known, size_t channel, bool write) {
    const size_t size = precision == PRECISION_F32 ? sizeof(float) : sizeof(uint16_t);
    for (size_t y = 0; y < side; y++) {
        for (size_t x = known; x < side; x++) {
            const uintptr_t address = (uintptr_t)numbers + (pixels[y * side + x] + channel) * size;
            if (write) {
                __builtin_prefetch((const void *)address, 1);
            } else {
                __builtin_prefetch((const void *)address, 0);
            }
        }
    }
}

// A^T m: four outputs from sums at the points.
INLINE void join_output_4(const float *const *m, float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = m[1][i] + m[2][i];
        const float a_odd = A * (m[1][i] - m[2][i]);
        const float b_even = m[3][i] + m[4][i];
        const float b_odd = B * (m[3][i] - m[4][i]);
        to[i] = m[0][i] + (a_even + b_even);
        to[step + i] = a_odd + b_odd;
        to[2 * step + i] = FUSED(A2, a_even, B2 * b_even);
        to[3 * step + i] = FUSED(A2, a_odd, FUSED(B2, b_odd, m[5][i]));
    }
}

// G g: the values at the points of three weights, each over the product of the point's distances
// to the others.
INLINE void spread_weights_4(const float *const *g, float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = SCALE_A * FUSED(A2, g[2][i], g[0][i]);
        const float a_odd = SCALE_A * A * g[1][i];
        const float b_even = SCALE_B * FUSED(B2, g[2][i], g[0][i]);
        const float b_odd = SCALE_B * B * g[1][i];
        to[i] = SCALE_0 * g[0][i];
        to[step + i] = a_even + a_odd;
        to[2 * step + i] = a_even - a_odd;
        to[3 * step + i] = b_even + b_odd;
        to[4 * step + i] = b_even - b_odd;
        to[5 * step + i] = g[2][i];
    }
}

// B^T d: the values at the points of six inputs; to[k * step] for point k.
INLINE void spread_input_4(const float *const *d, float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = FUSED(-B2, d[2][i], d[4][i]);
        const float a_odd = A * FUSED(-B2, d[1][i], d[3][i]);
        const float b_even = FUSED(-A2, d[2][i], d[4][i]);
        const float b_odd = B * FUSED(-A2, d[1][i], d[3][i]);
        to[i] = FUSED(-A2 - B2, d[2][i], FUSED(A2 * B2, d[0][i], d[4][i]));
        to[step + i] = a_even + a_odd;
        to[2 * step + i] = a_even - a_odd;
        to[3 * step + i] = b_even + b_odd;
        to[4 * step + i] = b_even - b_odd;
        to[5 * step + i] = FUSED(-A2 - B2, d[3][i], FUSED(A2 * B2, d[1][i], d[5][i]));
    }
}

#endif
