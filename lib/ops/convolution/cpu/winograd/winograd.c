// Winograd's method forward with transformed weights: blocks of tiles, each from input to output by
// one thread.
#include "ops/convolution/cpu/winograd/winograd.h"

#include "backend/cpu/products/f32.h"
#include "ops/convolution/cpu/winograd/block.h"

#include <omp.h>

#define BLOCK_FLOATS ((size_t)131072) // of a block's numbers, if it has not too few tiles then
#define MIN_TILES ((size_t)36)
#define MAX_TILES ((size_t)96)

// Vectors of channels are whole but for a part's last one, which begins within the part.
static bool has_vectors(size_t channels) {
    return channels % LANES == 0 || channels % CPU_F32_PART > LANES;
}

bool cpu_winograd_suits(const struct winograd *shape) {
    return has_vectors(shape->channels) && shape->out_channels % LANES == 0;
}

// The tiles that a block has at most: so that its numbers stay in the second-level cache, but so
// many that transformed weights are not read too often, and one for every thread.
static size_t tiles_of_block(const struct winograd *shape) {
    const size_t fit =
        BLOCK_FLOATS / (points_of(shape->tile) * (shape->channels + shape->out_channels));
    const size_t most = fit < MIN_TILES ? MIN_TILES : fit > MAX_TILES ? MAX_TILES : fit;
    const size_t share =
        (tile_count(shape, shape->tile) + (size_t)shape->threads - 1) / (size_t)shape->threads;
    const size_t tiles = share < most ? share : most;
    return (tiles + 5) / 6 * 6;
}

// Tiles lie a cache line more apart than their numbers need: powers of two would share lines.
static size_t tile_step(const struct winograd *shape, size_t channels) {
    return points_of(shape->tile) * channels + LANES;
}

static size_t thread_floats(const struct winograd *shape) {
    const size_t tiles = tiles_of_block(shape);
    return tiles * (tile_step(shape, shape->channels) + tile_step(shape, shape->out_channels));
}

size_t cpu_winograd_workspace(const struct winograd *shape) {
    return (size_t)shape->threads * thread_floats(shape) * sizeof(float);
}

void cpu_winograd_convolve(const struct winograd *shape, const void *input, const float *weights,
                           struct epilogue epilogue, void *output, void *workspace) {
    const size_t tiles = tile_count(shape, shape->tile);
    const size_t together = tiles_of_block(shape);
    const size_t blocks = (tiles + together - 1) / together;
    const size_t panels = shape->out_channels / LANES;
    // Few tiles: threads share out the output channels, too.
    const size_t wanted = ((size_t)shape->threads + blocks - 1) / blocks;
    const size_t panel_step = (panels + wanted - 1) / wanted;
    const size_t parts = (panels + panel_step - 1) / panel_step;
    const size_t panel_floats = shape->channels * LANES;
#pragma omp parallel for schedule(dynamic) num_threads(shape->threads)
    for (size_t item = 0; item < blocks * parts; item++) {
        const size_t first = item / parts * together;
        const size_t panel = item % parts * panel_step;
        struct block block = {.first = first,
                              .tiles = tiles - first < together ? tiles - first : together,
                              .panel = panel,
                              .panels = panels - panel < panel_step ? panels - panel : panel_step,
                              .part = shape->channels,
                              .in_tile = tile_step(shape, shape->channels),
                              .out_tile = tile_step(shape, shape->out_channels),
                              .in_step = shape->channels,
                              .out_step = shape->out_channels,
                              .input = input};
        block.in = (float *)workspace + (size_t)omp_get_thread_num() * thread_floats(shape);
        block.out = block.in + together * block.in_tile;
        const struct block_weights taken = {weights + panel * panel_floats, panels * panel_floats,
                                            panel_floats, 0};
        winograd_take_tiles(shape, &block);
        winograd_multiply(shape, &block, &taken);
        winograd_store_tiles(shape, &block, epilogue, output);
    }
}
