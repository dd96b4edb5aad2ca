// Winograd's method forward for wide layers, whose transformed weights would take much memory: they
// are made where they are used. A thread makes numbers of a run of tiles; then, for a few panels of
// output channels after the other, it transforms their weights a part of the channels at a time,
// which its cache holds until they have been multiplied with all of the run's tiles.
#include "backend/cpu/products/f32.h"
#include "core/numbers/size.h"
#include "ops/convolution/cpu/winograd/block.h"

#include <omp.h>

#define RUN_POINTS ((size_t)2592)    // of a run's tiles, at most: 72 of 4 x 4 outputs
#define RUN_FLOATS ((size_t)5 << 19) // of a run's numbers, at most: those of threads share a cache

// A run's numbers come from the third-level cache for each few panels: the more channels there are,
// the more panels are worth that weights and sums leave the second.
#define CHANNELS_A_PANEL ((size_t)128)
#define MAX_PANELS ((size_t)4)

// From the channel at work to the one whose packed weights are fetched.
#define CHANNELS_AHEAD ((size_t)4)

// ---- sizes

// As many runs for each thread.
static size_t tiles_of_run(const struct winograd *shape) {
    const size_t threads = (size_t)shape->threads;
    const size_t tiles = tile_count(shape, shape->tile);
    const size_t points = size_min(RUN_POINTS, RUN_FLOATS / shape->channels);
    const size_t runs = size_divide_up(tiles, size_divide_up(points, points_of(shape->tile)));
    return size_divide_up(tiles, runs > threads ? size_divide_up(runs, threads) * threads : runs);
}

// The panels that are multiplied together.
static size_t panels_together(const struct winograd *shape) {
    const size_t wanted = size_min(shape->channels / CHANNELS_A_PANEL, MAX_PANELS);
    const size_t together = cpu_f32_together();
    return size_min(wanted > together ? wanted : together, shape->out_channels / LANES);
}

// Channels of a part: sums are the same as of all at once.
static size_t part_of(const struct winograd *shape) {
    return size_min(shape->channels, CPU_F32_PART);
}

static size_t parts_of(const struct winograd *shape) {
    return size_divide_up(shape->channels, part_of(shape));
}

// Tiles lie a cache line more apart than their numbers need: powers of two would share lines.
static size_t in_tile_of(const struct winograd *shape) {
    return points_of(shape->tile) * part_of(shape) + LANES;
}

static size_t out_tile_of(const struct winograd *shape) {
    return points_of(shape->tile) * panels_together(shape) * LANES + LANES;
}

// So do points of weights.
static size_t weight_step_of(const struct winograd *shape) {
    return panels_together(shape) * part_of(shape) * LANES + LANES;
}

// Numbers, sums, weights at the points, and packed ones.
static size_t thread_floats(const struct winograd *shape) {
    return tiles_of_run(shape) * (parts_of(shape) * in_tile_of(shape) + out_tile_of(shape)) +
           points_of(shape->tile) * weight_step_of(shape) + winograd_packed_floats(part_of(shape));
}

size_t cpu_winograd_wide_workspace(const struct winograd *shape) {
    return (size_t)shape->threads * thread_floats(shape) * sizeof(float);
}

// ---- a run

// Weights of the block's panels at the points, for a part of the channels.
static void transform_part(const struct winograd *shape, const struct block *block,
                           const struct winograd_weights *weights, size_t part, float *transformed,
                           float *packed) {
    const size_t first = part * block->part;
    const size_t end = first + channels_of_part(shape, block, part);
    for (size_t panel = 0; panel < block->panels; panel++) {
        const struct weight_span span = {block->panel + panel, first, end};
        const float *from = winograd_packed(shape, weights, span, packed);
        for (size_t c = 0; c < end - first; c++) {
            winograd_fetch_packed(from + winograd_packed_floats(c + CHANNELS_AHEAD));
            transform_weights(
                shape->tile, (const float(*)[LANES])(from + winograd_packed_floats(c)),
                transformed + (panel * block->part + c) * LANES, weight_step_of(shape));
        }
    }
}

static void do_panels(const struct winograd *shape, const struct block *block,
                      const struct winograd_weights *weights) {
    float *transformed = block->out + tiles_of_run(shape) * block->out_tile;
    float *packed = transformed + points_of(shape->tile) * weight_step_of(shape);
    for (size_t part = 0; part < parts_of(shape); part++) {
        const struct block_weights taken = {transformed, weight_step_of(shape), block->part * LANES,
                                            part};
        transform_part(shape, block, weights, part, transformed, packed);
        winograd_multiply(shape, block, &taken);
    }
}

void cpu_winograd_convolve_wide(const struct winograd *shape, const void *input,
                                struct winograd_weights weights, struct epilogue epilogue,
                                void *output, void *workspace) {
    const size_t items = winograd_items(shape, tiles_of_run(shape));
    const size_t together = panels_together(shape);
#pragma omp parallel for schedule(dynamic) num_threads(shape->threads)
    for (size_t number = 0; number < items; number++) {
        const struct winograd_item item = winograd_item(shape, tiles_of_run(shape), number);
        struct block block = {.first = item.first,
                              .tiles = item.tiles,
                              .part = part_of(shape),
                              .in_part = tiles_of_run(shape) * in_tile_of(shape),
                              .in_tile = in_tile_of(shape),
                              .out_tile = out_tile_of(shape),
                              .in_step = part_of(shape),
                              .out_step = panels_together(shape) * LANES,
                              .input = input};
        block.in = (float *)workspace + (size_t)omp_get_thread_num() * thread_floats(shape);
        block.out = block.in + parts_of(shape) * block.in_part;
        winograd_take_tiles(shape, &block);
        for (block.panel = item.panel; block.panel < item.end; block.panel += block.panels) {
            block.panels = size_min(item.end - block.panel, together);
            do_panels(shape, &block, &weights);
            winograd_store_tiles(shape, &block, epilogue, output);
        }
    }
}
