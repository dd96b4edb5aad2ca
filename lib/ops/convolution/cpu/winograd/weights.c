// Weights packed for their transform, and transformed ahead.
#include "ops/convolution/cpu/winograd/block.h"

#define TAPS ((size_t)9)

// ---- the turn of rows of taps into rows of lanes, by squares of 4 x 4

typedef float four __attribute__((vector_size(16)));
typedef float four_anywhere __attribute__((vector_size(16), aligned(4), may_alias));

#define SQUARE ((size_t)4)

// Of four rows `apart` from each other, four numbers each, as columns `step` from each other.
static void turn_square(const float *from, size_t apart, float *to, ptrdiff_t step) {
    const four a = *(const four_anywhere *)from;
    const four b = *(const four_anywhere *)(from + apart);
    const four c = *(const four_anywhere *)(from + 2 * apart);
    const four d = *(const four_anywhere *)(from + 3 * apart);
    const four ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5);
    const four ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    const four bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5);
    const four bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    *(four_anywhere *)to = __builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5);
    *(four_anywhere *)(to + step) = __builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7);
    *(four_anywhere *)(to + 2 * step) = __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5);
    *(four_anywhere *)(to + 3 * step) = __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7);
}

// The taps of LANES filters `apart` from each other; lanes of a tap lie `step` behind the last's.
static void pack_channel(const float *from, size_t apart, float *to, ptrdiff_t step) {
    for (size_t i = 0; i < LANES; i += SQUARE) {
        turn_square(from + i * apart, apart, to + i, step);
        turn_square(from + i * apart + SQUARE, apart, to + 4 * step + i, step);
    }
    for (size_t i = 0; i < LANES; i++) {
        to[8 * step + (ptrdiff_t)i] = from[i * apart + TAPS - 1];
    }
}

void winograd_pack(const struct winograd *shape, const float *weights, bool rotated,
                   struct weight_span span, float *packed) {
    const size_t first = span.panel * LANES;
    for (size_t c = span.first; c < span.end; c++, packed += winograd_packed_floats(1)) {
        if (rotated) { // the last tap comes first
            pack_channel(weights + (c * shape->out_channels + first) * TAPS, TAPS,
                         packed + (TAPS - 1) * LANES, -(ptrdiff_t)LANES);
        } else {
            pack_channel(weights + (first * shape->channels + c) * TAPS, shape->channels * TAPS,
                         packed, LANES);
        }
    }
}

const float *winograd_packed(const struct winograd *shape, const struct winograd_weights *weights,
                             struct weight_span span, float *workspace) {
    if (weights->form == WINOGRAD_PACKED) {
        return weights->data + winograd_packed_floats(span.panel * shape->channels + span.first);
    }
    winograd_pack(shape, weights->data, weights->form == WINOGRAD_ROTATED, span, workspace);
    return workspace;
}

size_t cpu_winograd_packed_size(const struct winograd *shape) {
    return TAPS * shape->channels * shape->out_channels;
}

void cpu_winograd_pack(const struct winograd *shape, const float *weights, float *packed) {
    const size_t step = winograd_packed_floats(shape->channels);
#pragma omp parallel for schedule(static) num_threads(shape->threads)
    for (size_t panel = 0; panel < shape->out_channels / LANES; panel++) {
        const struct weight_span span = {panel, 0, shape->channels};
        winograd_pack(shape, weights, false, span, packed + panel * step);
    }
}

size_t cpu_winograd_weights_size(const struct winograd *shape) {
    return points_of(shape->tile) * shape->channels * shape->out_channels;
}

void cpu_winograd_weights(const struct winograd *shape, const float *weights, bool rotated,
                          float *transformed) {
    const size_t channels = shape->channels;
    const size_t panels = shape->out_channels / LANES;
    const size_t step = shape->out_channels * channels;
#pragma omp parallel for collapse(2) schedule(static) num_threads(shape->threads)
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t c = 0; c < channels; c++) {
            float packed[TAPS][LANES];
            winograd_pack(shape, weights, rotated, (struct weight_span){panel, c, c + 1},
                          packed[0]);
            transform_weights(shape->tile, packed, transformed + (panel * channels + c) * LANES,
                              step);
        }
    }
}
