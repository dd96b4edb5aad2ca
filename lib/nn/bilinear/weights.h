// The weights of bilinear interpolation along one axis: which inputs each output takes, and which
// outputs each input goes into.
#ifndef PLEURA_NN_BILINEAR_WEIGHTS_H
#define PLEURA_NN_BILINEAR_WEIGHTS_H

#include "core/error.h"

#include <stddef.h>

struct bilinear_weights {
    size_t in, out;
    size_t *low;  // of each output: its lower input; the upper is the next one, or the last
    float *share; // of each output: the upper input's weight, 0 to 1; the lower one's is 1 - share
    // Of each input i: outputs first[i] .. first[i + 1] - 1 of the list, with weights.
    size_t *first, *outputs;
    float *weights;
};

// Fills the tables for `in` inputs and `out` outputs, both at least 1. Half-pixel centres, edges
// repeated: output o lies at (o + 0.5) * in / out - 0.5, at least 0 (PyTorch's upsample_bilinear2d
// without align_corners). False without memory.
CHECKED bool bilinear_weights_make(struct bilinear_weights *weights, size_t in, size_t out,
                                   struct error *error);
void bilinear_weights_free(struct bilinear_weights *weights);

// The lower input of an output of so many.
size_t bilinear_lower(size_t in, size_t out, size_t output);

// The upper input of an output: low + 1, or the last input.
size_t bilinear_weights_upper(const struct bilinear_weights *weights, size_t output);

#endif
