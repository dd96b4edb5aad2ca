// The losses on a device: what the launches share. Maps of all heads are one set: a segment is one
// image's map of one head. A block takes a tile of a segment, a thread EACH numbers that lie
// together.
#ifndef PLEURA_LOSS_CUDA_H
#define PLEURA_LOSS_CUDA_H

#include "backend/cuda/block.h"

extern "C" {
#include "loss/terms.h"
#include "loss/total_loss.h"
}

#define EACH 8
#define TILE (THREADS * EACH)
#define ERROR_BITS 31 // of a float that is not negative: ordered like the float
#define ERROR_MASK (((uint32_t)1 << ERROR_BITS) - 1)

struct loss_work {
    struct loss_inputs inputs;
    struct loss_options options;
    double scale;
    double weights[MOST_HEADS];
    size_t tiles; // of a segment
    struct loss_parts *parts;
    // Of an image: lesion pixels a tile, and in all; of all images: what a pixel's BCE counts.
    unsigned *tile_lesions, *lesions;
    double *per_lesion, *per_empty, *global;
    // Of a segment's tiles: sums; lesion pixels among the sorted, and how many the tiles before
    // have.
    double *tile_bce, *tile_hinge;
    unsigned *tile_count, *tile_first;
    unsigned *violators; // of a segment
    // A number a pixel: its segment, the complement of its error, its place in the map. Segments
    // come one after the other, and in each those of the greatest errors first, once it is sorted.
    uint64_t *numbers, *other;
    const uint64_t *sorted;
    int pixel_bits, segment_bits; // of a number; the error between them has ERROR_BITS
    void *sort_room;
    size_t sort_bytes;
};

__device__ inline size_t segment_of_block(const struct loss_work &at) {
    return (size_t)blockIdx.z * at.inputs.images + blockIdx.y;
}

__device__ inline size_t tile_of_block(const struct loss_work &at) {
    return segment_of_block(at) * at.tiles + blockIdx.x;
}

inline size_t segments_of(const struct loss_work *at) {
    return at->inputs.heads * at->inputs.images;
}

inline dim3 tile_blocks(const struct loss_work *at) {
    return dim3((unsigned)at->tiles, (unsigned)at->inputs.images, (unsigned)at->inputs.heads);
}

// training_calls.loss_scratch and training_calls.loss.
size_t cuda_loss_scratch(struct backend *backend, const struct loss_inputs *inputs);
void cuda_loss(struct backend *backend, const struct loss_inputs *inputs,
               const struct loss_options *options, double scale, struct loss_parts *parts,
               void *scratch);

// Sorts pixels by error, adds the gradients of those that violate their margin, sums up tile_hinge.
void cuda_lovasz(struct backend *backend, struct loss_work *at);

#endif
