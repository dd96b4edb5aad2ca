// Winograd's method by products of int16: a run of tiles at a time, from input to output by one
// thread, for a few panels of output channels after the other.
#include "backend/cpu/products/int16/int16.h"
#include "core/numbers/size.h"
#include "ops/convolution/cpu/winograd_int16/block.h"

#include <omp.h>
#include <string.h>

#define PANELS ((size_t)4) // that are multiplied together
#define MAX_TILES ((size_t)144)
#define RUN_NUMBERS ((size_t)5 << 20) // of a run, at most: those of threads share a cache

struct run {
    struct block block; // its `in` is not used, and `out` is (point, tile, output channel)
    int16_t *in;        // numbers at the points: (part, point, tile, channel)
    float *in_scales;   // theirs: (part, tile, point); parts lie scale_step apart
    size_t scale_step;
    int16_t *weights; // the block's, of a part
};

// What a tile reads, and the tile behind it.
struct tile_pixels {
    const struct pixels *own, *next;
};

// ---- sizes

static size_t tiles_of_run(const struct winograd *shape) {
    const size_t threads = (size_t)shape->threads;
    const size_t tiles = tile_count(shape, MAX_TILE);
    const size_t fit = size_divide_up(RUN_NUMBERS, MAX_POINTS * shape->channels);
    const size_t runs = size_divide_up(tiles, size_min(fit, MAX_TILES));
    return size_divide_up(tiles, runs > threads ? size_divide_up(runs, threads) * threads : runs);
}

// Points lie a cache line more apart than their numbers need: powers of two would share lines.
static size_t in_step_of(const struct winograd *shape) {
    return tiles_of_run(shape) * PART + 2 * LANES;
}

static size_t out_step_of(const struct winograd *shape) {
    return tiles_of_run(shape) * PANELS * LANES + LANES;
}

static size_t weight_step(void) {
    return PANELS * PART * LANES + 2 * LANES;
}

static size_t in_bytes(const struct winograd *shape) {
    return workspace_part(parts_of(shape) * MAX_POINTS * in_step_of(shape) * sizeof(int16_t));
}

static size_t scale_bytes(const struct winograd *shape) {
    return workspace_part(parts_of(shape) * tiles_of_run(shape) * WINOGRAD_INT16_POINTS *
                          sizeof(float));
}

static size_t out_bytes(const struct winograd *shape) {
    return workspace_part(MAX_POINTS * out_step_of(shape) * sizeof(float));
}

static size_t thread_bytes(const struct winograd *shape) {
    return in_bytes(shape) + scale_bytes(shape) + out_bytes(shape) +
           workspace_part(MAX_POINTS * weight_step() * sizeof(int16_t));
}

size_t cpu_winograd_int16_workspace(const struct winograd *shape) {
    return (size_t)shape->threads * thread_bytes(shape);
}

// ---- a run

// Of a part: the numbers at a point, and the scales of a tile.
static int16_t *numbers_of(const struct run *run, size_t part, size_t point) {
    return run->in + (part * MAX_POINTS + point) * run->block.in_step;
}

static float *scales_of(const struct run *run, size_t part, size_t tile) {
    return run->in_scales + part * run->scale_step + tile * WINOGRAD_INT16_POINTS;
}

// Of less than a part.
static void take_channels(const struct winograd *shape, const uint16_t *input, size_t channels,
                          const struct tile_pixels *pixels, const float *factors, int16_t *to,
                          size_t step, float *scales) {
    float numbers[MAX_POINTS * PART] __attribute__((aligned(64)));
    if (paired(channels) > channels) {
        memset(numbers, 0, sizeof numbers);
    }
    winograd_take_channels(shape, input, pixels->own, pixels->next, channels, numbers, PART);
    quantise_tile(numbers, factors, paired(channels), to, step, scales);
}

static void take_tile(const struct winograd *shape, const struct run *run, size_t tile,
                      const float *factors, const struct tile_pixels *pixels) {
    const size_t step = run->block.in_step;
    for (size_t part = 0; part < parts_of(shape); part++) {
        const size_t channels = channels_of(shape, part);
        const uint16_t *input = (const uint16_t *)run->block.input + part * PART;
        const float *own = factors + part * PART;
        int16_t *to = numbers_of(run, part, 0) + tile * PART;
        if (channels == PART) {
            quantise_input(input, pixels->own, pixels->next, own, to, step,
                           scales_of(run, part, tile));
        } else {
            take_channels(shape, input, channels, pixels, own, to, step,
                          scales_of(run, part, tile));
        }
    }
}

static void take_tiles(const struct winograd *shape, const struct run *run, const float *factors) {
    struct pixels pixels[2]; // of a tile and the next
    winograd_find_input(shape, &run->block, 0, &pixels[0]);
    for (size_t tile = 0; tile < run->block.tiles; tile++) {
        winograd_find_input(shape, &run->block, tile + 1, &pixels[(tile + 1) % 2]);
        take_tile(shape, run, tile, factors,
                  &(struct tile_pixels){&pixels[tile % 2], &pixels[(tile + 1) % 2]});
    }
}

// The weights of a part, at the first point: as they were transformed ahead, or made here. The next
// point's lie *step numbers on.
static struct cpu_int16_b weights_of(const struct winograd *shape, const struct run *run,
                                     const struct winograd_int16_weights *weights, size_t part,
                                     size_t *step) {
    const size_t panel = run->block.panel;
    struct cpu_int16_b b = {run->weights, paired(channels_of(shape, part)) * LANES,
                            weights->scales + scales_before(shape, part) + panel * LANES};
    if (weights->transformed != NULL) {
        *step = transformed_step(shape, part);
        b.data = weights->transformed + transformed_before(shape, part, panel);
        return b;
    }
    *step = weight_step();
    for (size_t i = 0; i < run->block.panels; i++) {
        winograd_int16_transform(shape, weights, panel + i, part, run->weights + i * b.panel_step,
                                 *step);
    }
    return b;
}

static void multiply_part(const struct winograd *shape, const struct run *run,
                          const struct winograd_int16_weights *weights, size_t part) {
    const struct block *block = &run->block;
    size_t step = 0;
    struct cpu_int16_b b = weights_of(shape, run, weights, part, &step);
    for (size_t point = 0; point < MAX_POINTS; point++) {
        cpu_int16_gemm(
            block->tiles, block->panels, paired(channels_of(shape, part)) / 2,
            (struct cpu_int16_a){numbers_of(run, part, point), PART,
                                 scales_of(run, part, 0) + point, WINOGRAD_INT16_POINTS},
            b, part > 0,
            (struct cpu_f32_c){block->out + point * block->out_step, block->out_tile, LANES});
        b.data += step;
        b.scales += shape->out_channels;
    }
}

// A thread's memory.
static void place(const struct winograd *shape, void *memory, struct run *run) {
    run->in = memory;
    run->in_scales = workspace_behind(run->in, in_bytes(shape));
    run->block.out = workspace_behind(run->in_scales, scale_bytes(shape));
    run->weights = workspace_behind(run->block.out, out_bytes(shape));
    run->scale_step = tiles_of_run(shape) * WINOGRAD_INT16_POINTS;
    run->block.in_step = in_step_of(shape);
    run->block.out_step = out_step_of(shape);
}

void cpu_winograd_int16_convolve(const struct winograd *shape, const void *input,
                                 const struct winograd_int16_weights *weights,
                                 struct epilogue epilogue, void *output, void *workspace) {
    const size_t items = winograd_items(shape, tiles_of_run(shape));
#pragma omp parallel for schedule(dynamic) num_threads(shape->threads)
    for (size_t number = 0; number < items; number++) {
        const struct winograd_item item = winograd_item(shape, tiles_of_run(shape), number);
        struct run run = {.block = {.first = item.first, .tiles = item.tiles, .input = input}};
        place(shape,
              workspace_behind(workspace, (size_t)omp_get_thread_num() * thread_bytes(shape)),
              &run);
        take_tiles(shape, &run, weights->factors);
        for (run.block.panel = item.panel; run.block.panel < item.end;
             run.block.panel += run.block.panels) {
            run.block.panels = size_min(item.end - run.block.panel, PANELS);
            run.block.out_tile = run.block.panels * LANES;
            for (size_t part = 0; part < parts_of(shape); part++) {
                multiply_part(shape, &run, weights, part);
            }
            winograd_store_tiles(shape, &run.block, epilogue, output);
        }
    }
}
