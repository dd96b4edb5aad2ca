// The transforms of Winograd's method, 16 channels at a time. All are made of one of few numbers in
// one direction, done in both. With A = 5/8 and B = 3/2 the points of tiles of 4 are 0, A, -A, B,
// -B and infinity, those of tiles of 2 are 0, 1, -1 and infinity; even and odd powers of a point
// and its negative are the same but for a sign.
#include "ops/convolution/cpu/winograd/transforms.h"

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
            find_column(precision, input, pixels + x, span, span, c, converted, lines);
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
// not become vectors. `epilogue.sum` is a constant where this is called: the array is then a
// register.
INLINE void store_pixel(const float *pixel, const float *bias, struct epilogue epilogue,
                        enum precision precision, void *output, size_t offset) {
    const float least = epilogue.relu ? 0.0F : -INFINITY;
    float *floats = (float *)output + offset;
    uint16_t *bf16 = (uint16_t *)output + offset;
    lanes all;
    for (size_t i = 0; i < LANES; i++) {
        all[i] = !epilogue.sum ? 0.0F : precision == PRECISION_F32 ? floats[i] : bf16_to(bf16[i]);
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

INLINE void make_output(size_t tile, enum precision precision, const float *from, size_t step,
                        struct epilogue epilogue, size_t channel, void *output,
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

INLINE void transform_output_by(size_t tile, enum precision precision, const float *from,
                                size_t step, struct epilogue epilogue, size_t channel, void *output,
                                const size_t *pixels, const size_t *next) {
    if (epilogue.sum) {
        epilogue.sum = true;
        make_output(tile, precision, from, step, epilogue, channel, output, pixels, next);
    } else {
        epilogue.sum = false;
        make_output(tile, precision, from, step, epilogue, channel, output, pixels, next);
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
