// The stand-in for cuBLAS, which thinks in columns.
#include "backend/bf16.h"
#include "queue.h"

#include <cublas_v2.h>

struct fake_cublas {
    cudaStream_t stream;
};

const char *cublasGetStatusString(cublasStatus_t status) {
    return status == CUBLAS_STATUS_SUCCESS ? "success" : "invalid value";
}
cublasStatus_t cublasCreate(cublasHandle_t *handle) {
    *handle = new fake_cublas{nullptr};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t) {
    return CUBLAS_STATUS_SUCCESS;
}

static float number_at(const void *numbers, cudaDataType_t type, size_t i) {
    return type == CUDA_R_16BF ? bf16_to(((const uint16_t *)numbers)[i])
                               : ((const float *)numbers)[i];
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transpose_a,
                                          cublasOperation_t transpose_b, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType_t a_type,
                                          int lda, long long step_a, const void *b,
                                          cudaDataType_t b_type, int ldb, long long step_b,
                                          const void *beta, void *c, cudaDataType_t c_type, int ldc,
                                          long long step_c, int batch, cublasComputeType_t,
                                          cublasGemmAlgo_t) {
    const bool ta = transpose_a == CUBLAS_OP_T;
    const bool tb = transpose_b == CUBLAS_OP_T;
    const float times = *(const float *)alpha;
    const float before = *(const float *)beta;
    if (m <= 0 || n <= 0 || k <= 0 || batch <= 0 || lda < (ta ? k : m) || ldb < (tb ? n : k) ||
        ldc < m) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    fake_queue(handle->stream, [=] {
        for (int i = 0; i < batch; i++) {
#pragma omp parallel for
            for (int column = 0; column < n; column++) {
                for (int row = 0; row < m; row++) {
                    double sum = 0;
                    for (int x = 0; x < k; x++) {
                        const size_t at_a = (size_t)(step_a * i) +
                                            (ta ? (size_t)row * lda + x : (size_t)x * lda + row);
                        const size_t at_b = (size_t)(step_b * i) + (tb ? (size_t)x * ldb + column
                                                                       : (size_t)column * ldb + x);
                        sum += (double)number_at(a, a_type, at_a) * number_at(b, b_type, at_b);
                    }
                    const size_t index = (size_t)(step_c * i) + (size_t)column * ldc + row;
                    const float old = before != 0 ? before * number_at(c, c_type, index) : 0;
                    if (c_type == CUDA_R_16BF) {
                        ((uint16_t *)c)[index] = bf16_from((float)(times * sum + old));
                    } else {
                        ((float *)c)[index] = (float)(times * sum + old);
                    }
                }
            }
        }
    });
    return CUBLAS_STATUS_SUCCESS;
}
