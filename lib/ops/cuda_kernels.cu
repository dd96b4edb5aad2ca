// The CUDA backend's kernels by operation: one that is missing does not link.
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include "ops/kernels.h"

const struct kernel *const cuda_kernels[OPERATIONS] = {
#define OPERATION(name) &name##_cuda,
#include "ops/ops.def"
#undef OPERATION
};
}
