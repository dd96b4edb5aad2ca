// The CUDA backend as a module: what lib/backend/module.c loads.
#include "backend/cuda/cuda.h"

extern "C" {
#include "backend/module.h"
#include "core/module.h"
#include "ops/kernels.h"
#include "train/training.h"

MODULE_EXPORTED module_opener pleura_cuda_open;

const char *pleura_module_version(void) {
    return module_build();
}

struct backend *pleura_cuda_open(int device, enum precision precision, struct error *error) {
    return cuda_open(device, precision, cuda_kernels, &training_cuda, error);
}
}
