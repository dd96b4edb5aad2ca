// SiLU of bf16 on the CPU.
#ifndef PLEURA_OPS_SILU_BF16_H
#define PLEURA_OPS_SILU_BF16_H

#include "ops/cpu_elementwise.h"

// silu_of of each number, rounded, by AVX-512, whose instruction rounds; NULL: this processor does
// not have it.
elementwise_bf16 *silu_of_bf16(void);

#endif
