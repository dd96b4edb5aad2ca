// What convolutions by matrix units are made of on a processor: products, pixels of bf16 packed for
// products that sum over pixels, and sums rounded to bf16.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_AMX_PACK_H
#define PLEURA_OPS_CONVOLUTION_CPU_AMX_PACK_H

#include "backend/cpu/products/amx.h"
#include "ops/convolution/cpu/epilogue.h"

#define AMX_SIDE ((size_t)16)  // rows and columns of a tile of sums
#define AMX_DEPTH ((size_t)32) // pixels that a product of tiles sums

// `count` pixels, a multiple of AMX_DEPTH, each `channels` numbers at its address.
struct amx_pixels {
    const uint16_t *const *at;
    size_t count, channels;
};

// Sums of `rows` output columns in rows of `leading` floats; each becomes `count` numbers of bf16,
// `step` apart at `to`, `count` of them being the epilogue's biases.
struct amx_sums {
    const float *of;
    size_t leading, rows, count;
    uint16_t *to;
    size_t step;
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

    // Copies `count` rows of `run` numbers, a multiple of AMX_DEPTH, which begin `step` numbers
    // apart, one behind the other to 64-byte aligned memory.
    void (*spread)(const uint16_t *from, size_t step, size_t run, size_t count, uint16_t *to);

    cpu_amx_runs_function *runs; // cpu_amx_begun_runs

    // Rounds sums and stores them.
    void (*store)(const struct amx_sums *sums, struct epilogue epilogue);
};

// This processor's; NULL: it has no matrix units, or the system keeps them from this process.
const struct amx_functions *amx_functions_here(void);

#endif
