// Matrix products by cuBLAS, which thinks in columns: a row-major C = A B is its C^T = B^T A^T.
#include "backend/cuda/engine.h"

#include <cublas_v2.h>

#define WORKSPACE_BYTES ((size_t)32 << 20) // what a recording must not have to allocate

bool cuda_blas_open(struct cuda_engine *engine, struct error *error) {
    cublasHandle_t handle = NULL;
    cublasStatus_t status = cublasCreate(&handle);
    engine->blas = handle;
    if (status == CUBLAS_STATUS_SUCCESS) {
        status = cublasSetStream(handle, engine->stream);
    }
    if (status == CUBLAS_STATUS_SUCCESS &&
        cudaMalloc(&engine->blas_workspace, WORKSPACE_BYTES) != cudaSuccess) {
        return fail(error, "no memory on the GPU for cuBLAS");
    }
    if (status == CUBLAS_STATUS_SUCCESS) {
        status = cublasSetWorkspace(handle, engine->blas_workspace, WORKSPACE_BYTES);
    }
    return status == CUBLAS_STATUS_SUCCESS ||
           fail(error, "cuBLAS cannot be used: %s", cublasGetStatusString(status));
}

void cuda_blas_close(struct cuda_engine *engine) {
    if (engine->blas != NULL) {
        (void)cublasDestroy((cublasHandle_t)engine->blas);
    }
    (void)cudaFree(engine->blas_workspace);
}

void cuda_gemm(struct backend *backend, const struct cuda_product *product) {
    const bool bf16 = product->precision == PRECISION_BF16;
    const cudaDataType_t type = bf16 ? CUDA_R_16BF : CUDA_R_32F;
    const struct cuda_matrix *a = &product->a;
    const struct cuda_matrix *b = &product->b;
    const struct cuda_matrix *c = &product->c;
    // float32 is float32, not TF32.
    const cublasComputeType_t sums = bf16 ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_PEDANTIC;
    const cublasStatus_t status = cublasGemmStridedBatchedEx(
        (cublasHandle_t)((struct cuda_engine *)backend->engine)->blas,
        b->transposed ? CUBLAS_OP_T : CUBLAS_OP_N, a->transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
        (int)product->columns, (int)product->rows, (int)product->inner, &product->alpha, b->numbers,
        type, (int)b->leading, (long long)b->step, a->numbers, type, (int)a->leading,
        (long long)a->step, &product->beta, (void *)c->numbers,
        product->float_result ? CUDA_R_32F : type, (int)c->leading, (long long)c->step,
        (int)product->batch, sums, CUBLAS_GEMM_DEFAULT);
    if (status != CUBLAS_STATUS_SUCCESS) {
        cuda_fault(backend, cublasGetStatusString(status));
    }
}
