// Soft Dice on a CUDA device: tiles are summed up; each block adds its map's tiles up again and
// works on the gradients of its own.
#include "loss/cuda.h"
#include "loss/dice/dice.h"

namespace {

// The sums of a tile.
struct tile_sums {
    double both, predicted;
};

struct dice_work {
    struct loss_work loss;
    struct tile_sums *tiles; // of each segment
};

__global__ void sum_tiles(const dice_work work) {
    const loss_tile tile = loss_tile_of_block(work.loss);
    double both = 0;
    double predicted = 0;
    for (size_t i = tile.first + threadIdx.x; i < tile.end; i += THREADS) {
        const float p = dice_probability(tile.logits[i]);
        both += tile.mask[i] ? p : 0;
        predicted += p;
    }
    both = block_sum(both);
    predicted = block_sum(predicted);
    if (threadIdx.x == 0) {
        work.tiles[tile_of_block(work.loss)] = {both, predicted};
    }
}

__device__ struct dice_quotient quotient_of_block(const dice_work &work) {
    const struct tile_sums *tiles = work.tiles + segment_of_block(work.loss) * work.loss.tiles;
    double both = 0;
    double predicted = 0;
    for (size_t i = threadIdx.x; i < work.loss.tiles; i += THREADS) {
        both += tiles[i].both;
        predicted += tiles[i].predicted;
    }
    both = block_sum(both);
    predicted = block_sum(predicted);
    return dice_of_sums(both, predicted, work.loss.lesion[blockIdx.y], work.loss.inputs.pixels,
                        work.loss.values);
}

__global__ void add_dice(const dice_work work) {
    const loss_tile tile = loss_tile_of_block(work.loss);
    const struct dice_quotient quotient = quotient_of_block(work);
    const double share = work.loss.weights[blockIdx.z] / (double)work.loss.inputs.images;
    const float weight = (float)(work.loss.scale * share);
    for (size_t i = tile.first + threadIdx.x; i < tile.end; i += THREADS) {
        tile.gradient[i] +=
            weight * dice_derivative(dice_probability(tile.logits[i]), tile.mask[i], &quotient);
    }
    if (threadIdx.x == 0 && blockIdx.x == 0) {
        work.loss.sums[tile_of_block(work.loss)] = share * (1 - quotient.dice);
    }
}

size_t scratch_bytes(struct backend *backend, const struct loss_inputs *inputs) {
    (void)backend;
    return segments_of(inputs) * tiles_of(inputs) * sizeof(struct tile_sums);
}

void add(struct backend *backend, const struct loss_work *loss, void *scratch) {
    const dice_work work = {*loss, (struct tile_sums *)scratch};
    launch(backend, sum_tiles, tile_blocks(loss), THREADS, work);
    launch(backend, add_dice, tile_blocks(loss), THREADS, work);
}

} // namespace

const struct loss_cuda dice_loss_cuda = {add, scratch_bytes};
