// The forward pass in bf16 by matrix units. Their products are so fast that every score is made for
// its row alone: what symmetry saves would cost more in transposed tiles.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CPU_UNIT_FORWARD_H
#define PLEURA_OPS_POSITION_ATTENTION_CPU_UNIT_FORWARD_H

#include "ops/position_attention/cpu/units/unit_step.h"

// One image: q (pixels x keys), v and y (pixels x channels) in bf16; logs (pixels):
// log sum_j exp(s_ij).
struct position_unit_image {
    size_t pixels, keys, channels;
    int threads;
    const uint16_t *q, *v;
    uint16_t *y;
    float *logs;
};

// Bytes of scratch memory, 64-byte aligned.
size_t position_unit_bytes(size_t pixels, size_t keys, size_t channels, int threads);

// The bytes do not depend on the number of threads.
void position_unit_forward(const struct unit_functions *functions,
                           const struct position_unit_image *image, void *scratch);

#endif
