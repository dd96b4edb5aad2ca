// The transforms of Winograd's method, 16 channels at a time. All are made of one of few numbers in
// one direction, done in both. With A = 5/8 and B = 3/2 the points of tiles of 4 are 0, A, -A, B,
// -B and infinity, those of tiles of 2 are 0, 1, -1 and infinity; even and odd powers of a point
// and its negative are the same but for a sign.
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

// A y: the values at the points of four outputs' gradients.
INLINE void spread_gradient(const float *const *y, float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = FUSED(A2, y[2][i], y[0][i]);
        const float a_odd = A * FUSED(A2, y[3][i], y[1][i]);
        const float b_even = FUSED(B2, y[2][i], y[0][i]);
        const float b_odd = B * FUSED(B2, y[3][i], y[1][i]);
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

// G^T m: three weights' gradients.
INLINE void join_weights(const float *const *m, float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = SCALE_A * (m[1][i] + m[2][i]);
        const float a_odd = SCALE_A * A * (m[1][i] - m[2][i]);
        const float b_even = SCALE_B * (m[3][i] + m[4][i]);
        const float b_odd = SCALE_B * B * (m[3][i] - m[4][i]);
        to[i] = FUSED(SCALE_0, m[0][i], a_even + b_even);
        to[step + i] = a_odd + b_odd;
        to[2 * step + i] = FUSED(A2, a_even, FUSED(B2, b_even, m[5][i]));
    }
}

// ---- tiles of 2

INLINE void spread_input_2(const float *const *d, float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        to[i] = d[0][i] - d[2][i];
        to[step + i] = d[2][i] + d[1][i];
        to[2 * step + i] = d[2][i] - d[1][i];
        to[3 * step + i] = d[3][i] - d[1][i];
    }
}

INLINE void spread_weights_2(const float *const *g, float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float even = 0.5F * (g[0][i] + g[2][i]);
        const float odd = 0.5F * g[1][i];
        to[i] = g[0][i];
        to[step + i] = even + odd;
        to[2 * step + i] = even - odd;
        to[3 * step + i] = g[2][i];
    }
}

INLINE void join_output_2(const float *const *m, float *to, size_t step) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        to[i] = m[0][i] + (m[1][i] + m[2][i]);
        to[step + i] = (m[1][i] - m[2][i]) + m[3][i];
    }
}

// ---- either; `tile` is a constant where these are called

INLINE void spread_input(size_t tile, const float *const *d, float *to, size_t step) {
    if (tile == 2) {
        spread_input_2(d, to, step);
    } else {
        spread_input_4(d, to, step);
    }
}

INLINE void spread_weights(size_t tile, const float *const *g, float *to, size_t step) {
    if (tile == 2) {
        spread_weights_2(g, to, step);
    } else {
        spread_weights_4(g, to, step);
    }
}

INLINE void join_output(size_t tile, const float *const *m, float *to, size_t step) {
    if (tile == 2) {
        join_output_2(m, to, step);
    } else {
        join_output_4(m, to, step);
    }
}

// ---- in both directions

static const lanes zeros;

// Where `count` things begin that lie `step` floats apart.
INLINE void find_row(const float *from, size_t step, size_t count, const float **row) {
    for (size_t i = 0; i < count; i++) {
        row[i] = from + i * step;
    }
}

// 16 channels of every side'th pixel from `first` on; bf16 is converted into `converted`.
INLINE void find_column(enum precision precision, const void *numbers, const size_t *first,
                        size_t side, size_t channel, lanes *converted, const float **column) {
    for (size_t i = 0; i < side; i++) {
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

INLINE void transform_input_by(size_t tile, enum precision precision, const void *input,
                               const size_t *pixels, const size_t *next, size_t channels, float *to,
                               size_t step) {
    const size_t span = span_of(tile);
    for (size_t c = 0; c < channels; c += LANES) {
        fetch_pixels(precision, input, next, span, span - tile, c, false);
        lanes middle[SPAN * SPAN];
        lanes converted[SPAN];
        const float *lines[SPAN];
        for (size_t x = 0; x < span; x++) {
            find_column(precision, input, pixels + x, span, c, converted, lines);
            spread_input(tile, lines, middle[x], span * LANES);
        }
        for (size_t y = 0; y < span; y++) {
            find_row(middle[y * span], LANES, span, lines);
            spread_input(tile, lines, to + y * span * step + c, step);
        }
    }
}

// Tiles of 2 serve float32 alone.
VECTORISED void transform_input(size_t tile, const void *input, const struct pixels *pixels,
                                const struct pixels *next, size_t channels, float *to,
                                size_t step) {
    if (tile == 2) {
        transform_input_by(2, PRECISION_F32, input, pixels->offset, next->offset, channels, to,
                           step);
    } else if (pixels->precision == PRECISION_F32) {
        transform_input_by(4, PRECISION_F32, input, pixels->offset, next->offset, channels, to,
                           step);
    } else {
        transform_input_by(4, PRECISION_BF16, input, pixels->offset, next->offset, channels, to,
                           step);
    }
}

INLINE void transform_gradient_by(enum precision precision, const void *gradient,
                                  const size_t *pixels, const size_t *next, size_t channels,
                                  float *to, size_t step) {
    for (size_t c = 0; c < channels; c += LANES) {
        fetch_pixels(precision, gradient, next, TILE, 0, c, false);
        lanes middle[SPAN * TILE];
        lanes converted[TILE];
        const float *lines[TILE];
        for (size_t x = 0; x < TILE; x++) {
            find_column(precision, gradient, pixels + x, TILE, c, converted, lines);
            spread_gradient(lines, middle[x], TILE * LANES);
        }
        for (size_t y = 0; y < SPAN; y++) {
            find_row(middle[y * TILE], LANES, TILE, lines);
            spread_gradient(lines, to + y * SPAN * step + c, step);
        }
    }
}

VECTORISED void transform_gradient(const void *gradient, const struct pixels *pixels,
                                   const struct pixels *next, size_t channels, float *to,
                                   size_t step) {
    if (pixels->precision == PRECISION_F32) {
        transform_gradient_by(PRECISION_F32, gradient, pixels->offset, next->offset, channels, to,
                              step);
    } else {
        transform_gradient_by(PRECISION_BF16, gradient, pixels->offset, next->offset, channels, to,
                              step);
    }
}

INLINE void transform_weights_by(size_t tile, const lanes *weights, float *to, size_t step) {
    const size_t span = span_of(tile);
    lanes middle[SPAN * 3];
    const float *lines[3];
    for (size_t x = 0; x < 3; x++) {
        find_row(weights[x], 3 * (size_t)LANES, 3, lines);
        spread_weights(tile, lines, middle[x], 3 * (size_t)LANES);
    }
    for (size_t y = 0; y < span; y++) {
        find_row(middle[y * 3], LANES, 3, lines);
        spread_weights(tile, lines, to + y * span * step, step);
    }
}

VECTORISED void transform_weights(size_t tile, const lanes weights[9], float *to, size_t step) {
    if (tile == 2) {
        transform_weights_by(2, weights, to, step);
    } else {
        transform_weights_by(4, weights, to, step);
    }
}

// What is added comes into an array first, and ReLU is a maximum: loops with a choice in them would
// not become vectors.
INLINE void store_pixel(const float *pixel, const float *bias, struct epilogue epilogue,
                        enum precision precision, void *output, size_t offset) {
    const float least = epilogue.relu ? 0.0F : -INFINITY;
    float *floats = (float *)output + offset;
    uint16_t *bf16 = (uint16_t *)output + offset;
    lanes all = {0};
    for (size_t i = 0; epilogue.sum && i < LANES; i++) {
        all[i] = precision == PRECISION_F32 ? floats[i] : bf16_to(bf16[i]);
    }
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float sum = pixel[i] + bias[i] + all[i];
        all[i] = sum < least ? least : sum;
    }
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        if (precision == PRECISION_F32) {
            floats[i] = all[i];
        } else {
            bf16[i] = bf16_from(all[i]);
        }
    }
}

INLINE void transform_output_by(size_t tile, enum precision precision, const float *from,
                                size_t step, struct epilogue epilogue, size_t channel, void *output,
                                const size_t *pixels, const size_t *next) {
    const size_t span = span_of(tile);
    fetch_pixels(precision, output, next, tile, 0, channel, true);
    const float *bias = epilogue.bias != NULL ? epilogue.bias + channel : zeros;
    lanes middle[TILE * SPAN];
    const float *lines[SPAN];
    for (size_t x = 0; x < span; x++) {
        find_row(from + x * step, span * step, span, lines);
        join_output(tile, lines, middle[x], span * LANES);
    }
    for (size_t y = 0; y < tile; y++) {
        lanes row[TILE];
        find_row(middle[y * span], LANES, span, lines);
        join_output(tile, lines, row[0], LANES);
        for (size_t x = 0; x < tile; x++) {
            const size_t offset = pixels[y * tile + x];
            if (offset != NOWHERE) {
                store_pixel(row[x], bias, epilogue, precision, output, offset + channel);
            }
        }
    }
}

VECTORISED void transform_output(size_t tile, const float *from, size_t step,
                                 struct epilogue epilogue, size_t channel, void *output,
                                 const struct pixels *pixels, const struct pixels *next) {
    if (tile == 2) {
        transform_output_by(2, PRECISION_F32, from, step, epilogue, channel, output, pixels->offset,
                            next->offset);
    } else if (pixels->precision == PRECISION_F32) {
        transform_output_by(4, PRECISION_F32, from, step, epilogue, channel, output, pixels->offset,
                            next->offset);
    } else {
        transform_output_by(4, PRECISION_BF16, from, step, epilogue, channel, output,
                            pixels->offset, next->offset);
    }
}

VECTORISED void transform_weight_gradient(const float *from, size_t step, lanes weights[9]) {
    lanes middle[3 * SPAN];
    const float *lines[SPAN];
    for (size_t x = 0; x < SPAN; x++) {
        find_row(from + x * step, SPAN * step, SPAN, lines);
        join_weights(lines, middle[x], SPAN * LANES);
    }
    for (size_t y = 0; y < 3; y++) {
        find_row(middle[y * SPAN], LANES, SPAN, lines);
        join_weights(lines, weights[y * 3], LANES);
    }
}
