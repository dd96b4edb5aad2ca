// Numbers at the points of tiles of 4 x 4 outputs, as int16.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_QUANTISE_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_QUANTISE_H

#include "backend/cpu/products/f32.h"
#include "ops/convolution/cpu/winograd/tiles.h"

#define PART CPU_F32_PART        // channels that share a scale
#define WINOGRAD_INT16_POINTS 48 // scales of a tile: whole vectors

// Channels lie in pairs, c and c + LANES of each 2 * LANES.
static inline size_t paired(size_t channels) {
    return (channels + 2 * LANES - 1) / (2 * LANES) * (2 * LANES);
}

// A tile's numbers at the points, (point, PART), by the channels' factors: up to CPU_INT16_A with a
// scale for each point, which is NaN if any of them is not finite. `channels` are paired; points
// lie `step` numbers apart.
void quantise_tile(const float *numbers, const float *factors, size_t channels, int16_t *to,
                   size_t step, float scales[WINOGRAD_INT16_POINTS]);

// ---- weights of LANES output channels: (point, lane)

typedef float weights_at_points[MAX_POINTS][LANES];

// Adds up a channel's weights over its factor, without their signs, and finds the largest.
void measure_weights(const weights_at_points weights, float factor, weights_at_points sums,
                     weights_at_points largest);

// Scales for such sums and largest ones, and 1 over them; points lie `step` apart.
void find_scales(const weights_at_points sums, const weights_at_points largest, float *scales,
                 size_t step);
void invert_scales(const float *scales, size_t step, weights_at_points inverse);

// Weights of a pair of channels over their factors, those of channels LANES apart, times `inverse`.
void quantise_weights(const weights_at_points weights[2], const float *factors,
                      const weights_at_points inverse, int16_t *to, size_t step);

#endif
