// The optimisers on a CUDA device: their table, and the update of the one that is asked for.
#include "optimizer/cuda.h"

#define UPDATE_OF_CPU_AND_CUDA(name) name##_optimizer_cuda
#define UPDATE_OF_CPU_ONLY(name) NULL

enum { CPU_ONLY, CPU_AND_CUDA };
const bool cuda_has_optimizer[OPTIMIZERS] = {
#define OPTIMIZER(name, devices) devices == CPU_AND_CUDA,
#include "optimizer/optimizers.def"
#undef OPTIMIZER
};

namespace {

cuda_update *const updates[OPTIMIZERS] = {
#define OPTIMIZER(name, devices) UPDATE_OF_##devices(name),
#include "optimizer/optimizers.def"
#undef OPTIMIZER
};

__global__ void forget_fault(const struct optimizer_update update) {
    *update.bad = INT64_MAX;
}

} // namespace

void cuda_optimizer_run(struct backend *backend, const struct optimizer_update *update) {
    launch(backend, forget_fault, 1, 1, *update);
    updates[update->index](backend, update);
}
