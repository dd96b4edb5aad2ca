// Winograd's method, the weights' gradient: numbers at a half of the points of a run of tiles, and
// their products. They are float32, or bf16 in pairs of tiles, as the layer's `rounds` tells.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_GRADIENT_RUN_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_GRADIENT_RUN_H

#include "ops/convolution/cpu/winograd/gradient_tiles.h"

#define TAPS ((size_t)9)
#define CHANNELS ((size_t)64) // whose sums are made together: those of a group stay in the cache

// Panels of output channels that are multiplied together: `count` from `first` on.
struct group {
    size_t first, count;
};

// Numbers at the points, in words of a number of float32 or of two of bf16: inputs' (point, row,
// channel), where a row is a tile or a pair of tiles; outputs' gradients' (point, row, lane of the
// group), those of pairs (point, panel, row, lane). Sums: (channel, point, lane of the group).
struct numbers {
    size_t in_step, out_step; // words between points
    void *in, *out;
    float *sums;
};

struct run {
    size_t half, first, tiles;
    const struct numbers *numbers;
};

// How many runs a layer's tiles are: one, or an even number. It depends on the layer alone, and so
// do bytes, which follow from it. And the tiles of one of them.
size_t winograd_runs(const struct winograd *shape);
struct run winograd_run_at(const struct winograd *shape, size_t number);

// Words that numbers and sums take, and where they lie in memory.
size_t winograd_run_words(const struct winograd *shape);
struct numbers winograd_run_numbers(const struct winograd *shape, float *memory);

void winograd_run_inputs(const struct winograd *shape, const struct run *run, const void *input);
void winograd_run_gradients(const struct winograd *shape, const struct run *run, struct group group,
                            const void *output_gradient);

// Sums of `count` channels from `channel` on, at most CHANNELS, and of a group's panels, added to
// these channels' totals of the half: (channel, tap, lane of the group).
void winograd_run_products(const struct winograd *shape, const struct run *run, size_t panels,
                           size_t channel, size_t count, float *totals);

#endif
