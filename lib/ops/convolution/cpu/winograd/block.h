// Winograd's method: a block of tiles and of output channels, from input to output.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_BLOCK_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_BLOCK_H

#include "ops/convolution/cpu/winograd/tiles.h"

struct block {
    size_t first, tiles;      // of all tiles
    size_t panel, panels;     // of output channels
    size_t part;              // channels that lie together
    size_t in_part;           // floats between parts,
    size_t in_tile, out_tile; // between tiles,
    size_t in_step, out_step; // and between points
    const void *input;        // activations
    float *in;                // numbers at the points: (part, tile, point, channel)
    float *out;               // their sums: (tile, point, output channel)
};

// Weights at the points of a part of the channels: (point, panel, channel, lane).
struct block_weights {
    const float *data; // of the block's first panel
    size_t point_step, panel_step;
    size_t part; // the number of it
};

// What a thread makes at a time: a run of tiles, and panels of output channels before `end`.
struct winograd_item {
    size_t first, tiles, panel, end;
};

// How many items a layer has, with runs of `together` tiles; and one of them. Fewer runs than
// threads share out the panels, too.
size_t winograd_items(const struct winograd *shape, size_t together);
struct winograd_item winograd_item(const struct winograd *shape, size_t together, size_t number);

// The channels of a part.
static inline size_t channels_of_part(const struct winograd *shape, const struct block *block,
                                      size_t part) {
    const size_t left = shape->channels - part * block->part;
    return left < block->part ? left : block->part;
}

// Some channels of a panel's weights: from `first` on, before `end`.
struct weight_span {
    size_t panel, first, end;
};

// Floats of so many channels' packed weights.
static inline size_t winograd_packed_floats(size_t channels) {
    return channels * 9 * LANES;
}

// Asks the cache for a channel's packed weights: a processor does not foresee them beside all the
// streams that their transform writes.
static inline void winograd_fetch_packed(const float *packed) {
    for (size_t i = 0; i < winograd_packed_floats(1); i += LANES) {
        __builtin_prefetch(packed + i);
    }
}

// Packs weights for transform_weights: (channel, tap, lane).
void winograd_pack(const struct winograd *shape, const float *weights, bool rotated,
                   struct weight_span span, float *packed);

// The same where they lie, if they are packed, else packed into the workspace.
const float *winograd_packed(const struct winograd *shape, const struct winograd_weights *weights,
                             struct weight_span span, float *workspace);

// The pixels that a tile of the block reads, or its last one behind it.
void winograd_find_input(const struct winograd *shape, const struct block *block, size_t tile,
                         struct pixels *found);

// Transforms so many channels of a tile's input, 16 at a time; the last 16 may have some of those
// before once more. Points lie `step` floats apart.
void winograd_take_channels(const struct winograd *shape, const void *input,
                            const struct pixels *tile, const struct pixels *next, size_t channels,
                            float *to, size_t step);

// Transforms the block's input.
void winograd_take_tiles(const struct winograd *shape, const struct block *block);

// Multiplies a part of what has been taken; the first one's sums begin, others' are added to them.
void winograd_multiply(const struct winograd *shape, const struct block *block,
                       const struct block_weights *weights);

// Transforms the sums and stores the output.
void winograd_store_tiles(const struct winograd *shape, const struct block *block,
                          struct epilogue epilogue, void *output);

#endif
