// Matrix products by oneDNN.
#include "backend/cpu/onednn.h"
#include "backend/cpu/products/plain.h"

void cpu_gemm(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
              float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
              float *c, size_t ldc) {
    if (!onednn_load(NULL) ||
        dnnl.sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', (dnnl_dim_t)rows,
                   (dnnl_dim_t)columns, (dnnl_dim_t)inner, alpha, a, (dnnl_dim_t)lda, b,
                   (dnnl_dim_t)ldb, beta, c, (dnnl_dim_t)ldc) !=
            dnnl_success) { // it can lack memory for its copies of A and B
        cpu_plain_gemm(transpose_a, transpose_b, rows, columns, inner, alpha, a, lda, b, ldb, beta,
                       c, ldc);
    }
}
