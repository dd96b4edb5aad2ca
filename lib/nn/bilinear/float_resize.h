// Bilinear resizing of one plane of floats on the host: a map of logits to an image's own size.
#ifndef PLEURA_NN_BILINEAR_FLOAT_RESIZE_H
#define PLEURA_NN_BILINEAR_FLOAT_RESIZE_H

#include "nn/bilinear/plane.h"

struct float_resize {
    struct bilinear_plane plane;
    int threads;
    float *rows; // for each thread: two input rows mixed, and the last number once more
};

// For planes of in_height x in_width that are to be height x width, interpolated as the operation
// upsample does (nn/bilinear/weights.h), by so many threads. False without memory.
CHECKED bool float_resize_open(struct float_resize *resize, size_t in_height, size_t in_width,
                               size_t height, size_t width, int threads, struct error *error);
void float_resize_close(struct float_resize *resize);

// Writes the resized plane, height x width numbers.
void float_resize_run(struct float_resize *resize, const float *in, float *out);

#endif
