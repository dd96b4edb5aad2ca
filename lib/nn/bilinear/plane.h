// Bringing one map of logits to an image's own size, on this side.
#ifndef PLEURA_NN_BILINEAR_PLANE_H
#define PLEURA_NN_BILINEAR_PLANE_H

#include "nn/bilinear/axis.h"

struct plane_resize {
    struct axis down, along;
    float *row; // two input rows mixed
    float *out; // height x width
};

// For maps of in_height x in_width, as upsample does it (axis.h).
CHECKED bool plane_resize_open(struct plane_resize *resize, size_t in_height, size_t in_width,
                               size_t height, size_t width, struct error *error);
void plane_resize_close(struct plane_resize *resize);

// The resized map; it lives until the next call.
float *plane_resize_run(struct plane_resize *resize, const float *in);

#endif
