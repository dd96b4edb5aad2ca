// Winograd's method, the weights' gradient: transforms of tiles of 4 to a half of their points,
// which share no arithmetic in y, and of sums at all points back.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_GRADIENT_TILES_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_GRADIENT_TILES_H

#include "ops/convolution/cpu/winograd/tiles.h"

#define HALF_POINTS ((size_t)MAX_POINTS / 2)

// Channels from `first` on, before `end`, of pixels that have `first` at their offset.
struct channel_range {
    size_t first, end;
};

// Of 6 x 6 input pixels. Numbers at the points lie `step` floats apart.
void transform_input_half(size_t half, const void *input, const struct pixels *pixels,
                          const struct pixels *next, size_t channels, float *to, size_t step);

// Of 4 x 4 pixels of the output's gradient.
void transform_gradient_half(size_t half, const void *gradient, const struct pixels *pixels,
                             const struct pixels *next, struct channel_range channels, float *to,
                             size_t step);

// The same of two tiles, of activations of bf16: numbers are rounded to bf16 and lie in pairs, the
// first tile's and the second's. Points lie `step` pairs apart, LANES channels of a gradient
// `panel_step`.
void transform_input_pair(size_t half, const void *input, const struct pixels tiles[2],
                          const struct pixels next[2], size_t channels, uint32_t *to, size_t step);
void transform_gradient_pair(size_t half, const void *gradient, const struct pixels tiles[2],
                             const struct pixels next[2], struct channel_range channels,
                             uint32_t *to, size_t panel_step, size_t step);

// Adds what sums at a half's points give to the gradients of 3 x 3 weights of LANES channels. Taps
// lie `step` floats apart, too.
void add_weight_gradient_half(size_t half, const float *from, float *to, size_t step);

#endif
