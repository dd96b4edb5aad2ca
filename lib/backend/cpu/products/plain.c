// Matrix products by plain loops.
#include "backend/cpu/products/plain.h"

void cpu_plain_gemm(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
                    float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                    float *c, size_t ldc) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            float sum = 0;
            for (size_t k = 0; k < inner; k++) {
                sum += (transpose_a ? a[k * lda + i] : a[i * lda + k]) *
                       (transpose_b ? b[j * ldb + k] : b[k * ldb + j]);
            }
            c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
        }
    }
}
