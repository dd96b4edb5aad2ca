// Weights packed for their transform, and transformed ahead.
#include "ops/convolution/cpu/winograd/block.h"
#include "ops/convolution/cpu/winograd/square.h"

#define TAPS ((size_t)9)

// Of four rows `apart` from each other, four numbers each, as columns `step` from each other.
static void turn_square(const float *from, size_t apart, float *to, ptrdiff_t step) {
    square_row rows[SQUARE];
    for (size_t i = 0; i < SQUARE; i++) {
        rows[i] = square_load(from + i * apart);
    }
    square_turn(rows);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)SQUARE; i++) {
        square_store(to + i * step, rows[i]);
    }
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
