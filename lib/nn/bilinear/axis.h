// Bilinear interpolation along one axis: which inputs each output takes, and the other way round.
#ifndef PLEURA_NN_BILINEAR_AXIS_H
#define PLEURA_NN_BILINEAR_AXIS_H

#include "core/error.h"

#include <stddef.h>

struct axis {
    size_t in, out;
    size_t *low;  // of each output: its lower input; the upper is the next one, or the last
    float *share; // of each output: of the upper input
    // Of each input i: outputs first[i] .. first[i + 1] - 1 of the list, with weights.
    size_t *first, *outputs;
    float *weights;
};

// Half-pixel centres, edges repeated: output o lies at (o + 0.5) * in / out - 0.5, at least 0
// (PyTorch's upsample_bilinear2d without align_corners).
CHECKED bool axis_make(struct axis *axis, size_t in, size_t out, struct error *error);
void axis_free(struct axis *axis);

// The upper input of an output.
size_t axis_high(const struct axis *axis, size_t output);

#endif
