// Inside the CPU backend: matrix products of bf16 with sums in float32 by matrix units (AMX), on
// the calling thread: eight times as fast as float32's by vectors.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_AMX_H
#define PLEURA_BACKEND_CPU_PRODUCTS_AMX_H

#include "backend/cpu/products/bf16.h"

#define CPU_AMX_SIDE ((size_t)16) // rows of a tile, and pairs of its inner side

// Whether this processor has them and the system lets this process use them; without it nothing
// below may be called.
bool cpu_amx_products(void);

// cpu_bf16_gemm of whole tiles: `rows` and `pairs` are multiples of CPU_AMX_SIDE, A's pairs lie
// together.
void cpu_amx_gemm(size_t rows, size_t panels, size_t pairs, struct cpu_bf16_a a,
                  struct cpu_bf16_b b, bool add, float *c, size_t leading);

#endif
