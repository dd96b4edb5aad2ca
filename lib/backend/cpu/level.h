// Which instructions it uses.
#ifndef PLEURA_BACKEND_CPU_LEVEL_H
#define PLEURA_BACKEND_CPU_LEVEL_H

#include "core/error.h"
#include "core/simd.h"

#include <stdbool.h>

// Each has those before it.
#ifdef PROCESSOR_ARM_64
enum cpu_level {
    CPU_BASE, // products by the compiler's vectors
    CPU_NEON, // fused products of NEON
    CPU_BF16, // products of bf16 (FEAT_BF16)
};
#else
enum cpu_level {
    CPU_BASE, // any processor's
    CPU_AVX2, // and FMA
    CPU_AVX512,
    CPU_VNNI,   // AVX-512's products of int16
    CPU_BF16,   // and of bf16
    CPU_BEYOND, // what oneDNN knows beyond these: matrix units (AMX), where a processor has them
};
#endif

// What this processor has. Tests and benchmarks hold it down by PLEURA_CPU in the environment:
// base, avx2, avx512, vnni, bf16 or beyond; on ARM base, neon or bf16.
enum cpu_level cpu_level(void);

// Whether its vectors' products of bf16 are ahead of those of float32, by its maker: AMD's are
// (Zen 4); Intel's take twice as long for each (Sapphire Rapids); Arm's are said to be.
// PLEURA_CPU=bf16 takes them for it.
bool cpu_bf16_ahead(void);

// False: PLEURA_CPU is none of these.
CHECKED bool cpu_level_check(struct error *error);

#endif
