// Inside the CPU backend: single numbers of bfloat16, the upper half of a float32.
#ifndef PLEURA_BACKEND_CPU_NUMBERS_H
#define PLEURA_BACKEND_CPU_NUMBERS_H

#include <stdint.h>
#include <string.h>

// Rounded to nearest, ties to even.
static inline uint16_t bf16_from(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16;
    const uint32_t nan = (bits >> 16) | 0x40u;
    return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? nan : rounded);
}

static inline float bf16_to(uint16_t half) {
    const uint32_t bits = (uint32_t)half << 16;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

#endif
