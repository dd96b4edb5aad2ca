// For the operations' folders: each one's description, its kernels, and its form in ONNX.
#ifndef PLEURA_OPS_KERNELS_H
#define PLEURA_OPS_KERNELS_H

#include "nn/operation.h"

enum {
#define OPERATION(name, devices) OPERATION_##name,
#include "ops/ops.def"
#undef OPERATION
    OPERATIONS
};

#define OPERATION(name, devices)                                                                   \
    extern const struct operation name##_operation;                                                \
    extern const struct kernel name##_cpu;                                                         \
    extern const struct kernel name##_cuda;                                                        \
    extern const struct row_kernel name##_rows; /* where the operation has one */                  \
    onnx_id name##_onnx(struct onnx *model, const struct node *node);
#include "ops/ops.def"
#undef OPERATION

// The CUDA backend's, by operation; NULL: it has none.
extern const struct kernel *const cuda_kernels[OPERATIONS];

#endif
