// Position attention of bf16 in tensor cores, without scores in memory: for the widths of the
// networks, where the device has such cores. cuda.cu has the formulas, and does all others.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CUDA_FUSED_H
#define PLEURA_OPS_POSITION_ATTENTION_CUDA_FUSED_H

#include "ops/cuda_operation.h"

// On the device: images x pixels x keys of q and dq, images x pixels x channels of v, y, dy and dv;
// L and D images x pixels.
struct position_arrays {
    size_t images, pixels;
    const bf16 *q, *v, *dy;
    bf16 *y, *dq, *dv;
    float *logs; // L
    const float *d;
    bool add_dq, add_dv; // to what is there
};

// Whether the device and the precision have these passes for so many channels of q and of v.
bool position_fuses(const struct backend *backend, size_t keys, size_t channels);

// y and L of q and v.
void position_fused_forward(struct backend *backend, const struct position_arrays *arrays,
                            size_t keys);

// dq of q, v, dy, L and D.
void position_fused_keys(struct backend *backend, const struct position_arrays *arrays,
                         size_t keys);

// dv of q, dy and L.
void position_fused_values(struct backend *backend, const struct position_arrays *arrays,
                           size_t keys);

#endif
