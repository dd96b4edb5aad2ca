// Single numbers of bfloat16, the upper half of a float32, for the host and for CUDA devices.
#ifndef PLEURA_BACKEND_BF16_H
#define PLEURA_BACKEND_BF16_H

#include "core/device.h"

#include <stdint.h>
#include <string.h>

// Rounded to nearest, ties to even; NaN stays NaN.
ON_DEVICE static inline uint16_t bf16_from(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16;
    const uint32_t nan = (bits >> 16) | 0x40u;
    return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? nan : rounded);
}

ON_DEVICE static inline float bf16_to(uint16_t bf16) {
    const uint32_t bits = (uint32_t)bf16 << 16;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

#endif
