// The transforms of the weights' gradient, a half of the points at a time: one even and one odd
// part in y make a point and its negative, so that halves are no more work than all points at once.
#include "ops/convolution/cpu/winograd/gradient_tiles.h"

#include "ops/convolution/cpu/winograd/transforms.h"

#define HALF (SPAN / 2)

// What three points have: the first one alone, a point and its negative.
struct three {
    float alone, plus, minus;
};

// B^T d, of five inputs, half 1 of the last five of six.
INLINE struct three input_at(size_t half, const float *const *d, size_t i) {
    const float own = half == 0 ? A : B;
    const float other = half == 0 ? B2 : A2;
    const float *const *inner = d + 1 - half;
    const float even = FUSED(-other, inner[1][i], inner[3][i]);
    const float odd = own * FUSED(-other, inner[0][i], inner[2][i]);
    const float alone = FUSED(-A2 - B2, d[2][i], FUSED(A2 * B2, d[0][i], d[4][i]));
    return (struct three){alone, even + odd, even - odd};
}

// A y, of four outputs' gradients.
INLINE struct three gradient_at(size_t half, const float *const *y, size_t i) {
    const float own = half == 0 ? A : B;
    const float even = FUSED(own * own, y[2][i], y[0][i]);
    const float odd = own * FUSED(own * own, y[3][i], y[1][i]);
    return (struct three){y[half == 0 ? 0 : 3][i], even + odd, even - odd};
}

// Two numbers of bf16, rounded to nearest, ties to even; NaN stays NaN, as those that computers
// make and those of bf16 have not all bits set.
INLINE uint32_t rounded_pair(float first, float second) {
    uint32_t low;
    uint32_t high;
    memcpy(&low, &first, sizeof low);
    memcpy(&high, &second, sizeof high);
    low += 0x7FFFu + (low >> 16 & 1);
    high += 0x7FFFu + (high >> 16 & 1);
    return low >> 16 | (high & 0xFFFF0000u);
}

// Numbers at three points of LANES channels: the first point's, and those of a pair `step` apart.
#define SPREAD(name, at)                                                                           \
    INLINE void name(size_t half, const float *const *from, float *alone, float *pair,             \
                     size_t step) {                                                                \
        _Pragma("omp simd") for (size_t i = 0; i < LANES; i++) {                                   \
            const struct three three = at(half, from, i);                                          \
            alone[i] = three.alone;                                                                \
            pair[i] = three.plus;                                                                  \
            pair[step + i] = three.minus;                                                          \
        }                                                                                          \
    }
SPREAD(spread_input_half, input_at)
SPREAD(spread_gradient_half, gradient_at)
#undef SPREAD

// The same of two tiles, as pairs of bf16.
#define SPREAD(name, at)                                                                           \
    INLINE void name(size_t half, const float *const *first, const float *const *second,           \
                     uint32_t *alone, uint32_t *pair, size_t step) {                               \
        _Pragma("omp simd") for (size_t i = 0; i < LANES; i++) {                                   \
            const struct three one = at(half, first, i);                                           \
            const struct three two = at(half, second, i);                                          \
            alone[i] = rounded_pair(one.alone, two.alone);                                         \
            pair[i] = rounded_pair(one.plus, two.plus);                                            \
            pair[step + i] = rounded_pair(one.minus, two.minus);                                   \
        }                                                                                          \
    }
SPREAD(spread_input_pairs, input_at)
SPREAD(spread_gradient_pairs, gradient_at)
#undef SPREAD

// G^T m in x: three weights' gradients of all points.
INLINE void join_row(const float *const *m, float *to) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float a_even = SCALE_A * (m[1][i] + m[2][i]);
        const float a_odd = SCALE_A * A * (m[1][i] - m[2][i]);
        const float b_even = SCALE_B * (m[3][i] + m[4][i]);
        const float b_odd = SCALE_B * B * (m[3][i] - m[4][i]);
        to[i] = FUSED(SCALE_0, m[0][i], a_even + b_even);
        to[LANES + i] = a_odd + b_odd;
        to[2 * LANES + i] = FUSED(A2, a_even, FUSED(B2, b_even, m[5][i]));
    }
}

// The same in y, of a half's points: what they give is added.
INLINE void join_half(size_t half, const float *const *m, float *to, size_t step) {
    const float own = half == 0 ? A : B;
    const float scale = half == 0 ? SCALE_A : SCALE_B;
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        const float even = scale * (m[1][i] + m[2][i]);
        to[i] += half == 0 ? FUSED(SCALE_0, m[0][i], even) : even;
        to[step + i] += scale * own * (m[1][i] - m[2][i]);
        to[2 * step + i] += half == 0 ? own * own * even : FUSED(own * own, even, m[0][i]);
    }
}

// ---- in both directions

// In y, of LANES channels from `c` on, a column of pixels after the other.
INLINE void spread_input_columns(size_t half, enum precision precision, const void *input,
                                 const size_t *pixels, size_t c, lanes middle[HALF * SPAN]) {
    lanes converted[SPAN];
    const float *lines[SPAN];
    for (size_t x = 0; x < SPAN; x++) {
        find_column(precision, input, pixels + half * SPAN + x, SPAN, SPAN - 1, c, converted,
                    lines);
        spread_input_half(half, lines, middle[x], middle[SPAN + x], SPAN * LANES);
    }
}

INLINE void spread_gradient_columns(size_t half, enum precision precision, const void *gradient,
                                    const size_t *pixels, size_t c, lanes middle[HALF * TILE]) {
    lanes converted[TILE];
    const float *lines[TILE];
    for (size_t x = 0; x < TILE; x++) {
        find_column(precision, gradient, pixels + x, TILE, TILE, c, converted, lines);
        spread_gradient_half(half, lines, middle[x], middle[TILE + x], TILE * LANES);
    }
}

INLINE void transform_input_by(size_t half, enum precision precision, const void *input,
                               const size_t *pixels, const size_t *next, size_t channels, float *to,
                               size_t step) {
    for (size_t c = 0; c < channels; c += LANES) {
        _Alignas(64) lanes middle[HALF * SPAN];
        const float *lines[SPAN];
        fetch_pixels(precision, input, next, SPAN, SPAN - TILE, c, false);
        spread_input_columns(half, precision, input, pixels, c, middle);
        for (size_t y = 0; y < HALF; y++) {
            float *row = to + y * SPAN * step + c;
            find_row(middle[y * SPAN], LANES, SPAN, lines);
            spread_input_half(0, lines, row, row + step, step);
            spread_input_half(1, lines + 1, row + 5 * step, row + 3 * step, step);
        }
    }
}

INLINE void transform_gradient_by(size_t half, enum precision precision, const void *gradient,
                                  const size_t *pixels, const size_t *next,
                                  struct channel_range channels, float *to, size_t step) {
    for (size_t c = channels.first; c < channels.end; c += LANES, to += LANES) {
        _Alignas(64) lanes middle[HALF * TILE];
        const float *lines[TILE];
        fetch_pixels(precision, gradient, next, TILE, 0, c, false);
        spread_gradient_columns(half, precision, gradient, pixels, c, middle);
        for (size_t y = 0; y < HALF; y++) {
            float *row = to + y * SPAN * step;
            find_row(middle[y * TILE], LANES, TILE, lines);
            spread_gradient_half(0, lines, row, row + step, step);
            spread_gradient_half(1, lines, row + 5 * step, row + 3 * step, step);
        }
    }
}

INLINE void transform_input_pair_by(size_t half, const void *input, const struct pixels *tiles,
                                    const struct pixels *next, size_t channels, uint32_t *to,
                                    size_t step) {
    for (size_t c = 0; c < channels; c += LANES) {
        _Alignas(64) lanes middle[2][HALF * SPAN];
        const float *first[SPAN];
        const float *second[SPAN];
        for (size_t i = 0; i < 2; i++) {
            fetch_pixels(PRECISION_BF16, input, next[i].offset, SPAN, SPAN - TILE, c, false);
            spread_input_columns(half, PRECISION_BF16, input, tiles[i].offset, c, middle[i]);
        }
        for (size_t y = 0; y < HALF; y++) {
            uint32_t *row = to + y * SPAN * step + c;
            find_row(middle[0][y * SPAN], LANES, SPAN, first);
            find_row(middle[1][y * SPAN], LANES, SPAN, second);
            spread_input_pairs(0, first, second, row, row + step, step);
            spread_input_pairs(1, first + 1, second + 1, row + 5 * step, row + 3 * step, step);
        }
    }
}

INLINE void transform_gradient_pair_by(size_t half, const void *gradient,
                                       const struct pixels *tiles, const struct pixels *next,
                                       struct channel_range channels, uint32_t *to,
                                       size_t panel_step, size_t step) {
    for (size_t c = channels.first; c < channels.end; c += LANES, to += panel_step) {
        _Alignas(64) lanes middle[2][HALF * TILE];
        const float *first[TILE];
        const float *second[TILE];
        for (size_t i = 0; i < 2; i++) {
            fetch_pixels(PRECISION_BF16, gradient, next[i].offset, TILE, 0, c, false);
            spread_gradient_columns(half, PRECISION_BF16, gradient, tiles[i].offset, c, middle[i]);
        }
        for (size_t y = 0; y < HALF; y++) {
            uint32_t *row = to + y * SPAN * step;
            find_row(middle[0][y * TILE], LANES, TILE, first);
            find_row(middle[1][y * TILE], LANES, TILE, second);
            spread_gradient_pairs(0, first, second, row, row + step, step);
            spread_gradient_pairs(1, first, second, row + 5 * step, row + 3 * step, step);
        }
    }
}

// Calls `transform` with its half and precision as constants.
#define BY_KIND(half, precision, transform, ...)                                                   \
    do {                                                                                           \
        if ((half) == 0 && (precision) == PRECISION_F32) {                                         \
            transform(0, PRECISION_F32, __VA_ARGS__);                                              \
        } else if ((half) == 0) {                                                                  \
            transform(0, PRECISION_BF16, __VA_ARGS__);                                             \
        } else if ((precision) == PRECISION_F32) {                                                 \
            transform(1, PRECISION_F32, __VA_ARGS__);                                              \
        } else {                                                                                   \
            transform(1, PRECISION_BF16, __VA_ARGS__);                                             \
        }                                                                                          \
    } while (0)

VECTORISED void transform_input_half(size_t half, const void *input, const struct pixels *pixels,
                                     const struct pixels *next, size_t channels, float *to,
                                     size_t step) {
    BY_KIND(half, pixels->precision, transform_input_by, input, pixels->offset, next->offset,
            channels, to, step);
}

VECTORISED void transform_gradient_half(size_t half, const void *gradient,
                                        const struct pixels *pixels, const struct pixels *next,
                                        struct channel_range channels, float *to, size_t step) {
    BY_KIND(half, pixels->precision, transform_gradient_by, gradient, pixels->offset, next->offset,
            channels, to, step);
}

VECTORISED void transform_input_pair(size_t half, const void *input, const struct pixels tiles[2],
                                     const struct pixels next[2], size_t channels, uint32_t *to,
                                     size_t step) {
    if (half == 0) {
        transform_input_pair_by(0, input, tiles, next, channels, to, step);
    } else {
        transform_input_pair_by(1, input, tiles, next, channels, to, step);
    }
}

VECTORISED void transform_gradient_pair(size_t half, const void *gradient,
                                        const struct pixels tiles[2], const struct pixels next[2],
                                        struct channel_range channels, uint32_t *to,
                                        size_t panel_step, size_t step) {
    if (half == 0) {
        transform_gradient_pair_by(0, gradient, tiles, next, channels, to, panel_step, step);
    } else {
        transform_gradient_pair_by(1, gradient, tiles, next, channels, to, panel_step, step);
    }
}

INLINE void add_weight_gradient_by(size_t half, const float *from, float *to, size_t step) {
    _Alignas(64) lanes middle[HALF * 3];
    const float *lines[SPAN];
    for (size_t y = 0; y < HALF; y++) {
        find_row(from + y * SPAN * step, step, SPAN, lines);
        join_row(lines, middle[y * 3]);
    }
    for (size_t x = 0; x < 3; x++) {
        find_row(middle[x], 3 * (size_t)LANES, HALF, lines);
        join_half(half, lines, to + x * step, 3 * step);
    }
}

VECTORISED void add_weight_gradient_half(size_t half, const float *from, float *to, size_t step) {
    if (half == 0) {
        add_weight_gradient_by(0, from, to, step);
    } else {
        add_weight_gradient_by(1, from, to, step);
    }
}
