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

// The same of PART channels of bf16 and the pixels that a tile reads, `next` of the tile behind it.
void quantise_input(const uint16_t *input, const struct pixels *pixels, const struct pixels *next,
                    const float *factors, int16_t *to, size_t step,
                    float scales[WINOGRAD_INT16_POINTS]);

// ---- weights of LANES output channels, by taps and at the points: (tap or point, lane)

#define WINOGRAD_TAPS ((size_t)9)

typedef float weight_taps[WINOGRAD_TAPS][LANES];
typedef float weights_at_points[MAX_POINTS][LANES];

// Multiplies a channel's weights by `factor`.
void scale_taps(const float *taps, float factor, weight_taps to);

// Some channels' weights over their factors, (channel, tap, lane), as int16 with a scale for each
// lane, which is NaN if any of its weights is not finite; and such a channel's once more as floats.
void pack_taps(const float *taps, const float *factors, size_t channels, int16_t *to,
               float scales[LANES]);
void unpack_taps(const int16_t *packed, const float scales[LANES], weight_taps taps);

// Adds up a channel's weights at the points without their signs, and finds the largest.
void measure_weights(const weights_at_points weights, weights_at_points sums,
                     weights_at_points largest);

// Scales for such sums and largest ones, and `by` (NULL: 1) over them; points lie `step` apart.
void find_scales(const weights_at_points sums, const weights_at_points largest, float *scales,
                 size_t step);
void invert_scales(const float *scales, size_t step, const float *by, weights_at_points inverse);

// Weights at the points of a pair of channels, made of their taps, times `inverse`.
void quantise_weights(const weight_taps taps[2], const weights_at_points inverse, int16_t *to,
                      size_t step);
void quantise_packed(const int16_t *first, const int16_t *second, const weights_at_points inverse,
                     int16_t *to, size_t step);

#endif
