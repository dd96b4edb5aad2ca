// What weights' gradients by matrix units are made of on a processor: products, and pixels of bf16
// packed for products that sum over pixels.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_AMX_PACK_H
#define PLEURA_OPS_CONVOLUTION_CPU_AMX_PACK_H

#include "backend/cpu/products/amx.h"

#define AMX_SIDE ((size_t)16)  // rows and columns of a tile of sums
#define AMX_DEPTH ((size_t)32) // pixels that a product of tiles sums

// `count` pixels, a multiple of AMX_DEPTH, each `channels` numbers at its address.
struct amx_pixels {
    const uint16_t *const *at;
    size_t count, channels;
};

struct amx_functions {
    // Before and after products, on the thread that makes them.
    void (*begin)(void);
    void (*end)(void);

    cpu_bf16_gemm_function *gemm; // cpu_amx_begun_gemm

    // To rows of channels, `step` numbers apart; rows up to whole tiles are 0.
    void (*rows)(struct amx_pixels pixels, uint16_t *to, size_t step);

    // To panels of AMX_SIDE channels, `step` numbers apart: (pixel / 2, channel, pixel % 2);
    // channels up to whole panels are 0.
    void (*panels)(struct amx_pixels pixels, uint16_t *to, size_t step);
};

// This processor's; NULL: it has no matrix units, or the system keeps them from this process.
const struct amx_functions *amx_functions_here(void);

#endif
