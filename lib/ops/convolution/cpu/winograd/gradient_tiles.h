// Winograd's method, the weights' gradient: transforms of tiles of 4 to a half of their points,
// which share no arithmetic in y, and of sums at all points back.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_GRADIENT_TILES_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_GRADIENT_TILES_H

#include "ops/convolution/cpu/winograd/tiles.h"

#define HALF_POINTS ((size_t)MAX_POINTS / 2)

// Half 0 has in y the points 0 and +-5/8, half 1 infinity and +-3/2. Which of all points a half's
// is.
static inline size_t point_of_half(size_t half, size_t point) {
    const size_t row = point / MAX_SPAN;
    return (half == 0 ? row : row == 0 ? MAX_SPAN - 1 : row + 2) * MAX_SPAN + point % MAX_SPAN;
}

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

// The gradients of 3 x 3 weights of LANES channels, from sums at all points.
void transform_weight_gradient(const float *from, size_t step, float weights[9][LANES]);

#endif
