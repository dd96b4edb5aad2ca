// The formula of normalise_input, for its kernels.
#ifndef PLEURA_OPS_NORMALISE_INPUT_NORMALISE_INPUT_H
#define PLEURA_OPS_NORMALISE_INPUT_NORMALISE_INPUT_H

#include "core/device.h"

// Channel 0 to 2 of a gray value, 0 to 255: ((gray / 255) - mean) / deviation, with ImageNet's mean
// and deviation of red, green and blue.
ON_DEVICE static inline float normalise_gray(int gray, int channel) {
    const double mean[3] = {0.485, 0.456, 0.406};
    const double deviation[3] = {0.229, 0.224, 0.225};
    return (float)((gray / 255.0 - mean[channel]) / deviation[channel]);
}

#endif
