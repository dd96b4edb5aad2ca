// Matrix products by oneDNN.
#include "backend/cpu/onednn.h"

#include "program/die.h"

void cpu_gemm(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
              float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
              float *c, size_t ldc) {
    const dnnl_status_t status = dnnl_sgemm(
        transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', (dnnl_dim_t)rows, (dnnl_dim_t)columns,
        (dnnl_dim_t)inner, alpha, a, (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, beta, c, (dnnl_dim_t)ldc);
    if (status != dnnl_success) {
        die("oneDNN: a product of %zu x %zu x %zu failed (%d)", rows, columns, inner, (int)status);
    }
}
