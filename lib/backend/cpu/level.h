// Which instructions it uses.
#ifndef PLEURA_BACKEND_CPU_LEVEL_H
#define PLEURA_BACKEND_CPU_LEVEL_H

#include "core/error.h"

#include <stdbool.h>

// Each has those before it: any processor's; AVX2 and FMA; AVX-512; its products of bf16; what
// oneDNN knows beyond these: matrix units (AMX), where a processor has them.
enum cpu_level { CPU_BASE, CPU_AVX2, CPU_AVX512, CPU_BF16, CPU_BEYOND };

// What this processor has. Tests and benchmarks hold it down by PLEURA_CPU=base, avx2, avx512, bf16
// or beyond in the environment.
enum cpu_level cpu_level(void);

// Whether its vectors' products of bf16 are ahead of those of float32, by its maker: AMD's are
// (Zen 4); Intel's take twice as long for each (Sapphire Rapids). PLEURA_CPU=bf16 takes them for
// it.
bool cpu_bf16_ahead(void);

// False: PLEURA_CPU is none of these.
CHECKED bool cpu_level_check(struct error *error);

#endif
