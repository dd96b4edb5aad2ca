// RAdam on a device.
#ifndef PLEURA_OPTIMIZER_RADAM_CUDA_H
#define PLEURA_OPTIMIZER_RADAM_CUDA_H

#include "backend/cuda/block.h"

extern "C" {
#include "optimizer/update.h"
}

// training_calls.update.
void cuda_update(struct backend *backend, const struct update *update);

#endif
