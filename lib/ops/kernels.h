// For the operations' rooms: each one's description, and its kernels.
#ifndef PLEURA_OPS_KERNELS_H
#define PLEURA_OPS_KERNELS_H

#include "nn/operation.h"

#define OPERATION(name)                                                                            \
    extern const struct operation name##_operation;                                                \
    extern const struct kernel name##_cpu;
#include "ops/ops.def"
#undef OPERATION

#endif
