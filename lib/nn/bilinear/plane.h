// Bilinear resizing of one plane of floats, and what gradients of its result are to the plane, on
// the calling thread.
#ifndef PLEURA_NN_BILINEAR_PLANE_H
#define PLEURA_NN_BILINEAR_PLANE_H

#include "nn/bilinear/weights.h"

// From down.in x along.in numbers to down.out x along.out.
struct bilinear_plane {
    struct bilinear_weights down, along;
};

// Interpolated as the operation upsample does, to the bit (nn/bilinear/weights.h). False without
// memory.
CHECKED bool bilinear_plane_open(struct bilinear_plane *plane, size_t in_height, size_t in_width,
                                 size_t height, size_t width, struct error *error);
void bilinear_plane_close(struct bilinear_plane *plane);

// Row y of the result. `row` has room for along.in + 1 numbers.
void bilinear_plane_row(const struct bilinear_plane *plane, const float *in, size_t y, float *row,
                        float *out);

// The gradient of the plane, of which each number is a sum over those of the result's gradient
// `dy`. `row` has room for along.out numbers.
void bilinear_plane_gather(const struct bilinear_plane *plane, const float *dy, float *row,
                           float *gradient);

#endif
