// Training on a CUDA device: its losses, its optimisers, and what batches leave.
#include "loss/cuda.h"
#include "optimizer/cuda.h"

extern "C" {
#include "train/training.h"
}

namespace {

__global__ void add_batch(const struct batch_sum sum) {
    const size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = thread_number(); i < sum.count; i += step) {
        const float left = sum.left[i];
        if (i >= sum.learned) {
            const size_t at = i - sum.learned;
            sum.running[at] = running_after(sum.running[at], sum.momentum[at], left);
        } else if (sum.sums != NULL) {
            sum.sums[i] += left;
        } else {
            continue;
        }
        sum.left[i] = 0;
    }
}

void add(struct backend *backend, const struct batch_sum *sum) {
    launch(backend, add_batch, blocks_for(sum->count, 4 * THREADS), THREADS, *sum);
}

} // namespace

const struct training_calls training_cuda = {
    cuda_loss_scratch, cuda_loss, cuda_optimizer_run, add, cuda_has_loss, cuda_has_optimizer};
