// The optimisers on a CUDA device: their table, and the update of the one that is asked for.
#include "optimizer/cuda.h"

extern "C" {
#include "optimizer/clip.h"
}

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

__global__ void clear_frozen(const struct optimizer_update update) {
    const size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = thread_number(); i < update.count && update.coefficients[2].frozen; i += step) {
        if (update.encoder[i]) {
            update.gradients[i] = 0;
        }
    }
}

// A block makes a part.
__global__ void add_squares(const struct optimizer_update update) {
    const size_t step = (size_t)gridDim.x * blockDim.x;
    double squares = 0;
    for (size_t i = thread_number(); i < update.count; i += step) {
        squares += (double)update.gradients[i] * update.gradients[i];
    }
    squares = block_sum(squares);
    if (threadIdx.x == 0) {
        update.norm_parts[blockIdx.x] = squares;
    }
}

// One block.
__global__ void add_parts(const struct optimizer_update update) {
    double squares = 0;
    for (size_t part = threadIdx.x; part < NORM_PARTS; part += THREADS) {
        squares += update.norm_parts[part];
    }
    squares = block_sum(squares);
    if (threadIdx.x == 0) {
        *update.norm = norm_of_squares(squares, update.clip);
    }
}

} // namespace

void cuda_optimizer_run(struct backend *backend, const struct optimizer_update *update) {
    launch(backend, forget_fault, 1, 1, *update);
    if (update->encoder != NULL) {
        launch(backend, clear_frozen, blocks_for(update->count, 4 * THREADS), THREADS, *update);
    }
    if (update->clip > 0) {
        launch(backend, add_squares, NORM_PARTS, THREADS, *update);
        launch(backend, add_parts, 1, THREADS, *update);
    }
    updates[update->index](backend, update);
}
