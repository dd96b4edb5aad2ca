// Winograd's method forward: blocks of tiles, each from input to output by one thread.
#include "ops/convolution/cpu/winograd/winograd.h"

#include "backend/cpu/products/f32.h"
#include "ops/convolution/cpu/winograd/tiles.h"

#include <omp.h>

#define BLOCK_FLOATS ((size_t)131072) // of a block's numbers, if it has not too few tiles then
#define MIN_TILES ((size_t)36)
#define MAX_TILES ((size_t)96)
#define MIN_CHANNELS 32 // below that the transforms take what the method saves

bool cpu_winograd_suits(const struct winograd *shape) {
    return shape->channels % LANES == 0 && shape->out_channels % LANES == 0 &&
           shape->channels >= MIN_CHANNELS && shape->out_channels >= MIN_CHANNELS;
}

// ---- weights, as panels of 16 output channels: (point, panel, channel, lane)

size_t cpu_winograd_weights_size(const struct winograd *shape) {
    return points_of(shape->tile) * shape->channels * shape->out_channels;
}

void cpu_winograd_weights(const struct winograd *shape, const float *weights, bool rotated,
                          float *transformed) {
    const size_t channels = shape->channels;
    const size_t panels = shape->out_channels / LANES;
    const size_t step = shape->out_channels * channels;
#pragma omp parallel for collapse(2) schedule(static) num_threads(shape->threads)
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t c = 0; c < channels; c++) {
            float taken[9][LANES];
            for (size_t i = 0; i < LANES; i++) {
                const size_t o = panel * LANES + i;
                const float *from =
                    weights + (rotated ? c * shape->out_channels + o : o * channels + c) * 9;
                for (size_t tap = 0; tap < 9; tap++) {
                    taken[rotated ? 8 - tap : tap][i] = from[tap];
                }
            }
            transform_weights(shape->tile, taken, transformed + (panel * channels + c) * LANES,
                              step);
        }
    }
}

// ---- a block of tiles

struct block {
    size_t first, tiles;      // of all tiles
    size_t panel, panels;     // of output channels
    size_t in_step, out_step; // floats between points
    float *in, *out;          // numbers at the points: (point, tile, channel)
};

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

// Points lie a cache line more apart than their numbers need: powers of two would share lines.
static size_t step_of(size_t tiles, size_t channels) {
    return tiles * channels + LANES;
}

static size_t thread_floats(const struct winograd *shape) {
    const size_t tiles = tiles_of_block(shape);
    return points_of(shape->tile) *
           (step_of(tiles, shape->channels) + step_of(tiles, shape->out_channels));
}

size_t cpu_winograd_workspace(const struct winograd *shape) {
    return (size_t)shape->threads * thread_floats(shape) * sizeof(float);
}

// The pixels of a tile of the block, or of its last one behind it.
static void find_tile(const struct winograd *shape, const struct block *block, size_t tile,
                      bool output, struct pixels *found) {
    const size_t last = block->tiles - 1;
    const struct corner corner =
        corner_of(shape, shape->tile, block->first + (tile < last ? tile : last));
    if (output) {
        find_pixels(shape, corner, 0, shape->tile, shape->out_channels, found);
    } else {
        find_pixels(shape, corner, 1, span_of(shape->tile), shape->channels, found);
    }
}

static void take_tiles(const struct winograd *shape, const struct block *block, const void *input) {
    struct pixels pixels[2]; // of a tile and the next
    find_tile(shape, block, 0, false, &pixels[0]);
    for (size_t tile = 0; tile < block->tiles; tile++) {
        find_tile(shape, block, tile + 1, false, &pixels[(tile + 1) % 2]);
        transform_input(shape->tile, input, &pixels[tile % 2], &pixels[(tile + 1) % 2],
                        shape->channels, block->in + tile * shape->channels, block->in_step);
    }
}

static void store_tiles(const struct winograd *shape, const struct block *block,
                        struct epilogue epilogue, void *output) {
    struct pixels pixels[2];
    find_tile(shape, block, 0, true, &pixels[0]);
    for (size_t tile = 0; tile < block->tiles; tile++) {
        find_tile(shape, block, tile + 1, true, &pixels[(tile + 1) % 2]);
        for (size_t panel = 0; panel < block->panels; panel++) {
            transform_output(shape->tile, block->out + (tile * block->panels + panel) * LANES,
                             block->out_step, epilogue, (block->panel + panel) * LANES, output,
                             &pixels[tile % 2], &pixels[(tile + 1) % 2]);
        }
    }
}

static void do_block(const struct winograd *shape, const struct block *block, const void *input,
                     const float *weights, struct epilogue epilogue, void *output) {
    const size_t channels = shape->channels;
    const size_t side = shape->tile;
    take_tiles(shape, block, input);
    for (size_t point = 0; point < points_of(side); point++) {
        const float *from =
            weights + (point * shape->out_channels + block->panel * LANES) * channels;
        cpu_f32_gemm(
            block->tiles, block->panels, channels,
            (struct cpu_f32_a){block->in + point * block->in_step, channels, 1},
            (struct cpu_f32_b){from, channels * LANES, LANES}, false,
            (struct cpu_f32_c){block->out + point * block->out_step, block->panels * LANES, LANES});
    }
    store_tiles(shape, block, epilogue, output);
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
#pragma omp parallel for schedule(dynamic) num_threads(shape->threads)
    for (size_t item = 0; item < blocks * parts; item++) {
        const size_t first = item / parts * together;
        const size_t panel = item % parts * panel_step;
        struct block block = {.first = first,
                              .tiles = tiles - first < together ? tiles - first : together,
                              .panel = panel,
                              .panels = panels - panel < panel_step ? panels - panel : panel_step,
                              .in_step = step_of(together, shape->channels),
                              .out_step = step_of(together, shape->out_channels)};
        block.in = (float *)workspace + (size_t)omp_get_thread_num() * thread_floats(shape);
        block.out = block.in + points_of(shape->tile) * block.in_step;
        do_block(shape, &block, input, weights, epilogue, output);
    }
}
