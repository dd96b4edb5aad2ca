// Numbers of a tile's input at the points, as int16: a row of points of all channels is made,
// measured and rounded before the next.
#include "ops/convolution/cpu/winograd_int16/quantise.h"

#include "ops/convolution/cpu/winograd_int16/rounding.h"

#define GROUPS (PART / LANES)
#define ROW ((size_t)8) // a row's points, filled up

typedef lanes tile_columns[SPAN * SPAN]; // of LANES channels: (point of the column, column)

static const uint16_t nothing[LANES];

// The columns' values at the points.
INLINE void spread_input_columns(const uint16_t *input, const size_t *pixels, size_t channel,
                                 tile_columns to) {
#pragma GCC unroll 1
    for (size_t x = 0; x < SPAN; x++) {
        lanes column[SPAN];
#pragma GCC unroll 6
        for (size_t y = 0; y < SPAN; y++) {
            const size_t offset = pixels[y * SPAN + x];
            const uint16_t *pixel = offset == NOWHERE ? nothing : input + offset + channel;
            for (size_t i = 0; i < LANES; i++) {
                column[y][i] = bf16_to(pixel[i]);
            }
        }
        const float *const lines[SPAN] = {column[0], column[1], column[2],
                                          column[3], column[4], column[5]};
        spread_input_4(lines, to[x], SPAN * (size_t)LANES);
    }
}

// The values at a row of points, by the channels' factors.
INLINE void spread_input_row(const tile_columns columns, size_t y, const float *factors,
                             lanes to[SPAN]) {
    const lanes *c = columns + y * SPAN;
    const float *const lines[SPAN] = {c[0], c[1], c[2], c[3], c[4], c[5]};
    spread_input_4(lines, to[0], LANES);
#pragma GCC unroll 6
    for (size_t x = 0; x < SPAN; x++) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) {
            to[x][i] *= factors[i];
        }
    }
}

typedef uint32_t sixteen[LANES];

// The largest magnitudes of a point's numbers in each lane, as bits of floats: NaN is larger than
// all others.
INLINE void find_largest(const lanes row[GROUPS][SPAN], size_t x, sixteen largest) {
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        largest[i] = larger(larger(magnitude(row[0][x][i]), magnitude(row[1][x][i])),
                            larger(magnitude(row[2][x][i]), magnitude(row[3][x][i])));
    }
}

// Joins lanes of two vectors: those that `from` chooses with those `apart` from them; lanes of the
// second come behind those of the first.
#define JOIN(name, apart, ...)                                                                     \
    INLINE void name(const sixteen one, const sixteen other, sixteen to) {                         \
        typedef uint32_t vector __attribute__((vector_size(sizeof(sixteen))));                     \
        vector a, b, chosen;                                                                       \
        sixteen lower, upper;                                                                      \
        memcpy(&a, one, sizeof a);                                                                 \
        memcpy(&b, other, sizeof b);                                                               \
        chosen = __builtin_shufflevector(a, b, EACH(0, __VA_ARGS__), EACH(16, __VA_ARGS__));       \
        memcpy(lower, &chosen, sizeof lower);                                                      \
        chosen = __builtin_shufflevector(a, b, EACH((apart), __VA_ARGS__),                         \
                                         EACH(16 + (apart), __VA_ARGS__));                         \
        memcpy(upper, &chosen, sizeof upper);                                                      \
        _Pragma("omp simd") for (size_t i = 0; i < LANES; i++) {                                   \
            to[i] = larger(lower[i], upper[i]);                                                    \
        }                                                                                          \
    }
#define EACH(more, ...) EACH_OF(more, __VA_ARGS__)
#define EACH_OF(more, a, b, c, d, e, f, g, h)                                                      \
    (more) + (a), (more) + (b), (more) + (c), (more) + (d), (more) + (e), (more) + (f),            \
        (more) + (g), (more) + (h)

JOIN(join_halves, 8, 0, 1, 2, 3, 4, 5, 6, 7)
JOIN(join_quarters, 4, 0, 1, 2, 3, 8, 9, 10, 11)
JOIN(join_lanes, 1, 0, 2, 4, 6, 8, 10, 12, 14)

// Scales of a row's points, and 1 over them.
INLINE void find_row_scales(const lanes row[GROUPS][SPAN], float scales[ROW], float inverse[ROW]) {
    sixteen points[SPAN], pairs[SPAN / 2], fours[2];
#pragma GCC unroll 6
    for (size_t x = 0; x < SPAN; x++) {
        find_largest(row, x, points[x]);
    }
    join_halves(points[0], points[1], pairs[0]);
    join_halves(points[2], points[3], pairs[1]);
    join_halves(points[4], points[5], pairs[2]);
    join_quarters(pairs[0], pairs[1], fours[0]);
    join_quarters(pairs[2], pairs[2], fours[1]);
    join_lanes(fours[0], fours[1], pairs[0]);
    join_lanes(pairs[0], pairs[0], points[0]);
#pragma omp simd
    for (size_t x = 0; x < ROW; x++) {
        scales[x] = scale_of(points[0][x], CPU_INT16_A);
        inverse[x] = 1 / scales[x];
    }
}

INLINE void quantise_row(const lanes row[GROUPS][SPAN], const float inverse[ROW], int16_t *to,
                         size_t step) {
#pragma GCC unroll 6
    for (size_t x = 0; x < SPAN; x++) {
#pragma GCC unroll 2
        for (size_t group = 0; group < GROUPS; group += 2) {
            uint32_t pairs[LANES];
#pragma omp simd
            for (size_t i = 0; i < LANES; i++) {
                pairs[i] = pair_of(rounded(row[group][x][i], inverse[x]),
                                   rounded(row[group + 1][x][i], inverse[x]));
            }
            memcpy(to + x * step + group * LANES, pairs, sizeof pairs);
        }
    }
}

VECTORISED void quantise_input(const uint16_t *input, const struct pixels *pixels,
                               const struct pixels *next, const float *factors, int16_t *to,
                               size_t step, float scales[WINOGRAD_INT16_POINTS]) {
    tile_columns columns[GROUPS];
    for (size_t group = 0; group < GROUPS; group++) {
        if (group % 2 == 0) { // two share a cache line
            fetch_pixels(PRECISION_BF16, input, next->offset, SPAN, SPAN - TILE, group * LANES,
                         false);
        }
        spread_input_columns(input, pixels->offset, group * LANES, columns[group]);
    }
#pragma GCC unroll 1
    for (size_t y = 0; y < SPAN; y++) {
        lanes row[GROUPS][SPAN];
        float row_scales[ROW];
        float inverse[ROW];
#pragma GCC unroll 4
        for (size_t group = 0; group < GROUPS; group++) {
            spread_input_row((const lanes *)columns[group], y, factors + group * LANES, row[group]);
        }
        find_row_scales((const lanes(*)[SPAN])row, row_scales, inverse);
        memcpy(scales + y * SPAN, row_scales, SPAN * sizeof *scales);
        quantise_row((const lanes(*)[SPAN])row, inverse, to + y * SPAN * step, step);
    }
}
