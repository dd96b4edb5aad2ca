// Matrix products by oneDNN.
#include "backend/cpu/onednn.h"

// What oneDNN refuses (it can lack memory for its copies of A and B) is summed up plainly.
static void plain_product(bool transpose_a, bool transpose_b, size_t rows, size_t columns,
                          size_t inner, float alpha, const float *a, size_t lda, const float *b,
                          size_t ldb, float beta, float *c, size_t ldc) {
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

void cpu_gemm(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
              float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
              float *c, size_t ldc) {
    if (dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', (dnnl_dim_t)rows,
                   (dnnl_dim_t)columns, (dnnl_dim_t)inner, alpha, a, (dnnl_dim_t)lda, b,
                   (dnnl_dim_t)ldb, beta, c, (dnnl_dim_t)ldc) != dnnl_success) {
        plain_product(transpose_a, transpose_b, rows, columns, inner, alpha, a, lda, b, ldb, beta,
                      c, ldc);
    }
}
