// The loss on a CUDA device: what the terms' kernels are given. One image's map of one head is a
// segment; a block takes a tile of a segment, a thread EACH entries that lie together.
#ifndef PLEURA_LOSS_CUDA_H
#define PLEURA_LOSS_CUDA_H

#include "backend/cuda/block.h"

extern "C" {
#include "loss/total_loss.h"
}

#define EACH 8
#define TILE (THREADS * EACH)

// What a term works on. All addresses are the device's.
struct loss_work {
    struct loss_inputs inputs; // of the heads that the term reads
    double scale;              // of gradients alone
    double weights[MAX_LOSS_HEADS +
                   1]; // of the term, times the head's; behind those the global head's
    double values[MAX_LOSS_SETTINGS];
    size_t tiles;           // of a segment
    const unsigned *lesion; // of each image: pixels of its mask that are 1
    const double *lesions;  // of the batch
    double *sums;           // the term's, zeros: one a tile of each segment, or one an image
};

// A term's CUDA side. Gradients are zeros or what other terms have added.
struct loss_cuda {
    // Queues kernels that add scale * weight * the term's derivatives to the gradients and leave
    // weight * its parts of the loss in `sums`.
    void (*add)(struct backend *backend, const struct loss_work *work, void *scratch);
    size_t (*scratch_bytes)(struct backend *backend, const struct loss_inputs *inputs); // or NULL
};

__device__ inline size_t segment_of_block(const struct loss_work &work) {
    return (size_t)blockIdx.z * work.inputs.images + blockIdx.y;
}

__device__ inline size_t tile_of_block(const struct loss_work &work) {
    return segment_of_block(work) * work.tiles + blockIdx.x;
}

// A block's tile of its segment: pixels first to end - 1 of the map.
struct loss_tile {
    const float *logits;
    const uint8_t *mask;
    float *gradient;
    size_t first, end;
};

__device__ inline loss_tile loss_tile_of_block(const struct loss_work &work) {
    const struct loss_inputs &inputs = work.inputs;
    const size_t map = blockIdx.y * inputs.pixels;
    const size_t first = (size_t)blockIdx.x * TILE;
    return {inputs.logits[blockIdx.z] + map, inputs.masks + map, inputs.gradients[blockIdx.z] + map,
            first, first + TILE < inputs.pixels ? first + TILE : inputs.pixels};
}

inline size_t segments_of(const struct loss_inputs *inputs) {
    return inputs->heads * inputs->images;
}

inline size_t tiles_of(const struct loss_inputs *inputs) {
    return (inputs->pixels + TILE - 1) / TILE;
}

// A launch of a block for each tile: tiles x images x heads.
inline dim3 tile_blocks(const struct loss_work *work) {
    return dim3((unsigned)work->tiles, (unsigned)work->inputs.images, (unsigned)work->inputs.heads);
}

// training_calls.loss_scratch and training_calls.loss.
size_t cuda_loss_scratch(struct backend *backend, const struct loss_inputs *inputs,
                         const struct loss_options *options);
void cuda_loss(struct backend *backend, const struct loss_inputs *inputs,
               const struct loss_options *options, double scale, struct loss_sums *sums,
               void *scratch);

// An array in scratch memory.
struct placed_array {
    void **array;
    size_t bytes;
};

// Lets the arrays lie one behind the other from `memory` on (NULL: only their bytes are asked for);
// returns the bytes of all.
template <size_t N>
size_t place_arrays(const struct placed_array (&arrays)[N], char *memory) {
    size_t bytes = 0;
    for (const struct placed_array &placed : arrays) {
        *placed.array = memory + bytes;
        bytes += rounded(placed.bytes);
    }
    return bytes;
}

#define LOSS(name, devices) extern const struct loss_cuda name##_loss_cuda;
#include "loss/losses.def"
#undef LOSS

// Of each term, whether there is a CUDA side.
extern const bool cuda_has_loss[LOSSES];

#endif
