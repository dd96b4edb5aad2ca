// Channel attention's gradient of one energy, for the host and for devices.
#ifndef PLEURA_OPS_CHANNEL_ATTENTION_FORMULA_H
#define PLEURA_OPS_CHANNEL_ATTENTION_FORMULA_H

#include "core/device.h"

// dE = A (sum_k dA A - dA) of A = softmax of -E a row; `mean` is the row's sum.
ON_DEVICE static inline float channel_attention_gradient(float attention, double of_attention,
                                                         double mean) {
    return (float)(attention * (mean - of_attention));
}

#endif
