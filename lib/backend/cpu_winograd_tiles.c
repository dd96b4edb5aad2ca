// The transforms of Winograd's method, 16 channels at a time. All are made of one of 3, 4 or 6
// numbers in one direction, done in both. With A = 5/8 and B = 3/2 the points are 0, A, -A, B, -B
// and infinity; even and odd powers of a point and its negative are the same but for a sign.
#include "backend/cpu_winograd_tiles.h"

#include "core/simd.h"

#include <math.h>

#define INLINE __attribute__((always_inline)) static inline

typedef float lanes[LANES];

#define A 0.625F
#define B 1.5F
#define A2 (A * A)
#define B2 (B * B)

// B^T d: the values at the points of six inputs; to[k * step] for point k.
INLINE void spread_input(const float *const d[SPAN], float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = fmaf(-B2, d[2][i], d[4][i]);
        const float a_odd = A * fmaf(-B2, d[1][i], d[3][i]);
        const float b_even = fmaf(-A2, d[2][i], d[4][i]);
        const float b_odd = B * fmaf(-A2, d[1][i], d[3][i]);
        to[i] = fmaf(-A2 - B2, d[2][i], fmaf(A2 * B2, d[0][i], d[4][i]));
        to[step + i] = a_even + a_odd;
        to[2 * step + i] = a_even - a_odd;
        to[3 * step + i] = b_even + b_odd;
        to[4 * step + i] = b_even - b_odd;
        to[5 * step + i] = fmaf(-A2 - B2, d[3][i], fmaf(A2 * B2, d[1][i], d[5][i]));
    }
}

// A y: the values at the points of four outputs' gradients.
INLINE void spread_gradient(const float *const y[TILE], float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = fmaf(A2, y[2][i], y[0][i]);
        const float a_odd = A * fmaf(A2, y[3][i], y[1][i]);
        const float b_even = fmaf(B2, y[2][i], y[0][i]);
        const float b_odd = B * fmaf(B2, y[3][i], y[1][i]);
        to[i] = y[0][i];
        to[step + i] = a_even + a_odd;
        to[2 * step + i] = a_even - a_odd;
        to[3 * step + i] = b_even + b_odd;
        to[4 * step + i] = b_even - b_odd;
        to[5 * step + i] = y[3][i];
    }
}

// G g: the values at the points of three weights, each over the product of the point's distances
// to the others.
INLINE void spread_weights(const float *const g[3], float *to, size_t step) {
    const float zero = 1 / (A2 * B2);
    const float a = 1 / (2 * A2 * (A2 - B2));
    const float b = 1 / (2 * B2 * (B2 - A2));
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = a * fmaf(A2, g[2][i], g[0][i]);
        const float a_odd = a * A * g[1][i];
        const float b_even = b * fmaf(B2, g[2][i], g[0][i]);
        const float b_odd = b * B * g[1][i];
        to[i] = zero * g[0][i];
        to[step + i] = a_even + a_odd;
        to[2 * step + i] = a_even - a_odd;
        to[3 * step + i] = b_even + b_odd;
        to[4 * step + i] = b_even - b_odd;
        to[5 * step + i] = g[2][i];
    }
}

// A^T m: four outputs from sums at the points.
INLINE void join_output(const float *const m[SPAN], float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = m[1][i] + m[2][i];
        const float a_odd = A * (m[1][i] - m[2][i]);
        const float b_even = m[3][i] + m[4][i];
        const float b_odd = B * (m[3][i] - m[4][i]);
        to[i] = m[0][i] + (a_even + b_even);
        to[step + i] = a_odd + b_odd;
        to[2 * step + i] = fmaf(A2, a_even, B2 * b_even);
        to[3 * step + i] = fmaf(A2, a_odd, fmaf(B2, b_odd, m[5][i]));
    }
}

// G^T m: three weights' gradients.
INLINE void join_weights(const float *const m[SPAN], float *to, size_t step) {
    const float zero = 1 / (A2 * B2);
    const float a = 1 / (2 * A2 * (A2 - B2));
    const float b = 1 / (2 * B2 * (B2 - A2));
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = a * (m[1][i] + m[2][i]);
        const float a_odd = a * A * (m[1][i] - m[2][i]);
        const float b_even = b * (m[3][i] + m[4][i]);
        const float b_odd = b * B * (m[3][i] - m[4][i]);
        to[i] = fmaf(zero, m[0][i], a_even + b_even);
        to[step + i] = a_odd + b_odd;
        to[2 * step + i] = fmaf(A2, a_even, fmaf(B2, b_even, m[5][i]));
    }
}

static const lanes zeros;

VECTORISED void take_input(const float *const pixels[SPAN * SPAN], size_t channels, float *to,
                           size_t step) {
    for (size_t c = 0; c < channels; c += LANES) {
        lanes middle[SPAN][SPAN];
        for (size_t x = 0; x < SPAN; x++) {
            const float *column[SPAN];
            for (size_t y = 0; y < SPAN; y++) {
                const float *pixel = pixels[y * SPAN + x];
                column[y] = pixel != NULL ? pixel + c : zeros;
            }
            spread_input(column, middle[0][x], SPAN * LANES);
        }
        for (size_t y = 0; y < SPAN; y++) {
            const float *const row[SPAN] = {middle[y][0], middle[y][1], middle[y][2],
                                            middle[y][3], middle[y][4], middle[y][5]};
            spread_input(row, to + y * SPAN * step + c, step);
        }
    }
}

VECTORISED void take_gradient(const float *const pixels[TILE * TILE], size_t channels, float *to,
                              size_t step) {
    for (size_t c = 0; c < channels; c += LANES) {
        lanes middle[SPAN][TILE];
        for (size_t x = 0; x < TILE; x++) {
            const float *column[TILE];
            for (size_t y = 0; y < TILE; y++) {
                const float *pixel = pixels[y * TILE + x];
                column[y] = pixel != NULL ? pixel + c : zeros;
            }
            spread_gradient(column, middle[0][x], TILE * LANES);
        }
        for (size_t y = 0; y < SPAN; y++) {
            const float *const row[TILE] = {middle[y][0], middle[y][1], middle[y][2], middle[y][3]};
            spread_gradient(row, to + y * SPAN * step + c, step);
        }
    }
}

VECTORISED void take_weights(const lanes weights[9], float *to, size_t step) {
    lanes middle[SPAN][3];
    for (size_t x = 0; x < 3; x++) {
        const float *const column[3] = {weights[x], weights[3 + x], weights[6 + x]};
        spread_weights(column, middle[0][x], 3 * LANES);
    }
    for (size_t y = 0; y < SPAN; y++) {
        const float *const row[3] = {middle[y][0], middle[y][1], middle[y][2]};
        spread_weights(row, to + y * SPAN * step, step);
    }
}

// Where columns of sums at the points begin.
INLINE void find_column(const float *from, size_t step, size_t x, const float *column[SPAN]) {
    for (size_t y = 0; y < SPAN; y++) {
        column[y] = from + (y * SPAN + x) * step;
    }
}

INLINE void finish_pixel(const float *made, const float *bias, struct finish finish, float *to) {
    for (size_t i = 0; i < LANES; i++) {
        const float all = made[i] + bias[i] + (finish.sum ? to[i] : 0);
        to[i] = finish.relu && all < 0 ? 0 : all;
    }
}

VECTORISED void give_output(const float *from, size_t step, struct finish finish, size_t channel,
                            float *const pixels[TILE * TILE]) {
    const float *bias = finish.bias != NULL ? finish.bias + channel : zeros;
    lanes middle[TILE][SPAN];
    for (size_t x = 0; x < SPAN; x++) {
        const float *column[SPAN];
        find_column(from, step, x, column);
        join_output(column, middle[0][x], SPAN * LANES);
    }
    for (size_t y = 0; y < TILE; y++) {
        const float *const row[SPAN] = {middle[y][0], middle[y][1], middle[y][2],
                                        middle[y][3], middle[y][4], middle[y][5]};
        lanes made[TILE];
        join_output(row, made[0], LANES);
        for (size_t x = 0; x < TILE; x++) {
            float *pixel = pixels[y * TILE + x];
            if (pixel != NULL) {
                finish_pixel(made[x], bias, finish, pixel + channel);
            }
        }
    }
}

VECTORISED void give_weights(const float *from, size_t step, lanes weights[9]) {
    lanes middle[3][SPAN];
    for (size_t x = 0; x < SPAN; x++) {
        const float *column[SPAN];
        find_column(from, step, x, column);
        join_weights(column, middle[0][x], SPAN * LANES);
    }
    for (size_t y = 0; y < 3; y++) {
        const float *const row[SPAN] = {middle[y][0], middle[y][1], middle[y][2],
                                        middle[y][3], middle[y][4], middle[y][5]};
        join_weights(row, weights[y * 3], LANES);
    }
}
