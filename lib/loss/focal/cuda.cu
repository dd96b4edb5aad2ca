// The binary focal loss on a CUDA device.
#include "loss/cuda.h"
#include "loss/focal/focal.h"

namespace {

__global__ void add_focal(const struct loss_work work) {
    const loss_tile tile = loss_tile_of_block(work);
    const float gamma = (float)work.values[FOCAL_GAMMA];
    const double share =
        work.weights[blockIdx.z] / ((double)work.inputs.images * (double)work.inputs.pixels);
    const float weight = (float)(work.scale * share);
    double sum = 0;
    for (size_t i = tile.first + threadIdx.x; i < tile.end; i += THREADS) {
        float derivative;
        sum += focal_of_logit(tile.logits[i], tile.mask[i], gamma, &derivative);
        tile.gradient[i] += weight * derivative;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        work.sums[tile_of_block(work)] = share * sum;
    }
}

void add(struct backend *backend, const struct loss_work *work, void *scratch) {
    (void)scratch;
    launch(backend, add_focal, tile_blocks(work), THREADS, *work);
}

} // namespace

const struct loss_cuda focal_loss_cuda = {add, NULL};
