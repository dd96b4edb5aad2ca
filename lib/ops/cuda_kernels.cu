// The CUDA backend's kernels by operation.
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include "ops/kernels.h"

#define KERNEL_OF_CPU_AND_CUDA(name) &name##_cuda
#define KERNEL_OF_CPU_ONLY(name) NULL

const struct kernel *const cuda_kernels[OPERATIONS] = {
#define OPERATION(name, devices) KERNEL_OF_##devices(name),
#include "ops/ops.def"
#undef OPERATION
};
}
