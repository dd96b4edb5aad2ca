// What products of bf16 are made of, for each kind of processor; bf16.h says what each function
// does.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_BF16_FUNCTIONS_H
#define PLEURA_BACKEND_CPU_PRODUCTS_BF16_FUNCTIONS_H

#include "backend/cpu/products/bf16.h"

typedef void cpu_bf16_convert_function(const float *from, size_t leading, size_t rows,
                                       size_t columns, uint16_t *to);
typedef void cpu_bf16_gemm_function(size_t rows, size_t columns, size_t pairs, struct cpu_bf16_a a,
                                    struct cpu_bf16_b b, bool add, float *c, size_t leading);

struct cpu_bf16_functions {
    void (*round)(const float *from, size_t count, uint16_t *to);
    cpu_bf16_convert_function *rows, *interleaved, *transposed;
    cpu_bf16_gemm_function *gemm;
};

// By the processor's own instructions, of x86-64 and of ARM; NULL: it has none.
const struct cpu_bf16_functions *cpu_bf16_avx512(void);
const struct cpu_bf16_functions *cpu_bf16_arm(void);

#endif
