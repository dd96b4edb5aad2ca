// Matrix products by plain loops: where nothing faster can be had.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_PLAIN_H
#define PLEURA_BACKEND_CPU_PRODUCTS_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

// C (rows x columns) = alpha A B + beta C, as cpu_gemm, row-major; sums are float32, in the order
// of `inner`.
void cpu_plain_gemm(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
                    float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                    float *c, size_t ldc);

#endif
