// A head's last layer, for its kernels.
#ifndef PLEURA_OPS_HEAD_CONVOLUTION_HEAD_CONVOLUTION_H
#define PLEURA_OPS_HEAD_CONVOLUTION_HEAD_CONVOLUTION_H

#include "core/numbers/random_draw.h"

#include <stddef.h>

struct head_convolution_attributes {
    double dropout; // the probability, 0 in prediction
};

// What dropout multiplies a channel of an image with: 0 where it is dropped, else 1 / (1 -
// probability). `seed` is of the step and the node.
ON_DEVICE static inline float head_convolution_dropout(uint64_t seed, size_t image, size_t channel,
                                                       double probability) {
    const uint64_t start = random_start(seed, 0, image);
    return probability > 0 && random_draw_uniform(start, channel) < probability
               ? 0.0F
               : (float)(1 / (1 - probability));
}

#endif
