// The channel gate, for its kernels.
#ifndef PLEURA_OPS_CHANNEL_GATE_CHANNEL_GATE_H
#define PLEURA_OPS_CHANNEL_GATE_CHANNEL_GATE_H

#include "core/device.h"

#include <math.h>
#include <stdbool.h>

struct channel_gate_attributes {
    bool keep; // x itself is added
};

// The share of x that a gate of z lets through, sigmoid(z) = 1 / (1 + e^-z).
ON_DEVICE static inline float channel_gate_open(float z) {
    return 1.0F / (1.0F + expf(-z));
}

// The gate's gradient where `sum` is that of the output's gradient times x.
ON_DEVICE static inline float channel_gate_gradient(double sum, float open) {
    return (float)(sum * open * (1.0F - open));
}

#endif
