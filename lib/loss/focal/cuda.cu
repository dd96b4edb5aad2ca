// The binary focal loss on a CUDA device.
#include "loss/cuda.h"
#include "loss/focal/focal.h"

namespace {

__global__ void add_focal(const struct loss_work work) {
    const size_t map = blockIdx.y * work.inputs.pixels;
    const float *logits = work.inputs.logits[blockIdx.z] + map;
    const uint8_t *mask = work.inputs.masks + map;
    float *gradient = work.inputs.gradients[blockIdx.z] + map;
    const float gamma = (float)work.values[FOCAL_GAMMA];
    const double share =
        work.weights[blockIdx.z] / ((double)work.inputs.images * (double)work.inputs.pixels);
    const float weight = (float)(work.scale * share);
    const size_t first = (size_t)blockIdx.x * TILE;
    double sum = 0;
    for (size_t i = first + threadIdx.x; i < first + TILE && i < work.inputs.pixels; i += THREADS) {
        float derivative;
        sum += focal_of_logit(logits[i], mask[i], gamma, &derivative);
        gradient[i] += weight * derivative;
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
