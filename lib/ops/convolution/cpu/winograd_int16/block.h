// Winograd's method by products of int16: parts of the channels, and weights' transforms.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_BLOCK_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_BLOCK_H

#include "backend/cpu/products/f32.h"
#include "ops/convolution/cpu/winograd/block.h"
#include "ops/convolution/cpu/winograd_int16/int16.h"
#include "ops/convolution/cpu/winograd_int16/quantise.h"

static inline size_t parts_of(const struct winograd *shape) {
    return (shape->channels + PART - 1) / PART;
}

static inline size_t channels_of(const struct winograd *shape, size_t part) {
    const size_t left = shape->channels - part * PART;
    return left < PART ? left : PART;
}

// Where the scales of a part's weights begin, and a part's and panel's transformed weights, whose
// points lie transformed_step apart.
static inline size_t scales_before(const struct winograd *shape, size_t part) {
    return part * MAX_POINTS * shape->out_channels;
}

static inline size_t transformed_step(const struct winograd *shape, size_t part) {
    return paired(channels_of(shape, part)) * shape->out_channels;
}

static inline size_t transformed_before(const struct winograd *shape, size_t part, size_t panel) {
    return MAX_POINTS * part * PART * shape->out_channels +
           (panel > 0 ? panel * paired(channels_of(shape, part)) * LANES : 0);
}

// A panel's weights of a part of the channels; points lie `step` numbers apart.
void winograd_int16_transform(const struct winograd *shape,
                              const struct winograd_int16_weights *weights, size_t panel,
                              size_t part, int16_t *to, size_t step);

#endif
