// Balanced binary cross entropy on a CUDA device.
#include "loss/bce/bce.h"
#include "loss/cuda.h"

namespace {

__global__ void add_bce(const struct loss_work work) {
    const loss_tile tile = loss_tile_of_block(work);
    const struct bce_shares shares = bce_shares_of(
        *work.lesions, (double)work.inputs.images * (double)work.inputs.pixels, work.values);
    const double weight = work.weights[blockIdx.z];
    const float of_lesion = (float)(work.scale * weight * shares.lesion);
    const float of_empty = (float)(work.scale * weight * shares.empty);
    double lesion = 0;
    double empty = 0;
    for (size_t i = tile.first + threadIdx.x; i < tile.end; i += THREADS) {
        const bool is_lesion = tile.mask[i];
        float derivative;
        const float loss = bce_of_logit(tile.logits[i], is_lesion ? 1.0f : 0.0f, &derivative);
        tile.gradient[i] += derivative * (is_lesion ? of_lesion : of_empty);
        lesion += is_lesion ? loss : 0;
        empty += is_lesion ? 0 : loss;
    }
    lesion = block_sum(lesion);
    empty = block_sum(empty);
    if (threadIdx.x == 0) {
        work.sums[tile_of_block(work)] = weight * (lesion * shares.lesion + empty * shares.empty);
    }
}

void add(struct backend *backend, const struct loss_work *work, void *scratch) {
    (void)scratch;
    launch(backend, add_bce, tile_blocks(work), THREADS, *work);
}

} // namespace

const struct loss_cuda bce_loss_cuda = {add, NULL};
