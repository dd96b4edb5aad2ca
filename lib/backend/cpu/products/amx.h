// Matrix products of bf16 with sums in float32 by matrix units (AMX), on
// the calling thread: eight times as fast as float32's by vectors.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_AMX_H
#define PLEURA_BACKEND_CPU_PRODUCTS_AMX_H

#include "backend/cpu/products/bf16_functions.h"

#define CPU_AMX_SIDE ((size_t)16) // rows of a tile, and pairs of its inner side

// cpu_bf16_gemm of whole tiles: `rows` and `pairs` are multiples of CPU_AMX_SIDE, A's pairs lie
// together, and panels are counted instead of columns. NULL: this processor has no such units, or
// the system keeps them from this process.
cpu_bf16_gemm_function *cpu_amx_gemm(void);

// Before and after products by tiles of 16 x 64 bytes on the calling thread, other than by
// cpu_amx_gemm: 60 ns both.
void cpu_amx_begin(void);
void cpu_amx_end(void);

// cpu_amx_gemm between these; only where there is one.
cpu_bf16_gemm_function cpu_amx_begun_gemm;

// C = A B between these, of 1, 2 or 4 tiles of rows by one panel, or of 1 or 2 by two. Runs have a
// multiple of CPU_AMX_SIDE pairs; rows that begin at multiples of 64 bytes are loaded six times as
// fast as others. B's tiles of a panel lie one behind the other.
typedef void cpu_amx_runs_function(size_t tiles, size_t panels, const struct cpu_bf16_runs *a,
                                   struct cpu_bf16_b b, float *c, size_t leading);
cpu_amx_runs_function cpu_amx_begun_runs;

#endif
