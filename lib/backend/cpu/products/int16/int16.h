// Products of small matrices of int16 that lie in the cache, on the calling thread: exact sums of
// int32, which become float32 by a scale for each row of A and one for each column of B.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_INT16_INT16_H
#define PLEURA_BACKEND_CPU_PRODUCTS_INT16_INT16_H

#include "backend/cpu/products/f32.h"

#include <stdint.h>

// Sums stay within int32 if numbers of A are at most CPU_INT16_A, and those of a column of B add up
// to at most CPU_INT16_B, all without their signs.
#define CPU_INT16_A 16384
#define CPU_INT16_B 131071

// Number (row, inner) of A lies at data[row * row_step + inner], the row's scale at scales[row *
// scale_step].
struct cpu_int16_a {
    const int16_t *data;
    size_t row_step;
    const float *scales;
    size_t scale_step;
};

// Panels of CPU_F32_PANEL columns begin panel_step numbers apart: (pair of the inner side, column,
// which of the pair).
struct cpu_int16_b {
    const int16_t *data;
    size_t panel_step;
    const float *scales; // of the columns
};

// Whether this processor has the instruction that makes the products fast.
bool cpu_int16_products(void);

// C (rows x 16 panels) = A B, or with `add` += A B, with 2 * `pairs` numbers on the inner side. The
// bytes are the same on all processors.
void cpu_int16_gemm(size_t rows, size_t panels, size_t pairs, struct cpu_int16_a a,
                    struct cpu_int16_b b, bool add, struct cpu_f32_c c);

// That by AVX-512 VNNI; NULL: the processor does not have it.
typedef void cpu_int16_gemm_function(size_t rows, size_t panels, size_t pairs, struct cpu_int16_a a,
                                     struct cpu_int16_b b, bool add, struct cpu_f32_c c);
cpu_int16_gemm_function *cpu_int16_avx512(void);

#endif
