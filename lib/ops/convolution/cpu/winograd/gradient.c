// Winograd's method for the weights' gradient: the forward direction's transpose. Inputs and
// outputs' gradients become numbers at the points, their products are summed over all tiles, and
// the sums brought back to 3 x 3. A thread takes a half of the points, and perhaps a part of the
// output channels, through all tiles: what it multiplies is in its own core's caches.
#include "backend/cpu/products/f32.h"
#include "ops/convolution/cpu/winograd/gradient_tiles.h"

#include <omp.h>

#define TILE MAX_TILE
#define SPAN MAX_SPAN
#define POINTS MAX_POINTS
#define RUN_FLOATS ((size_t)1 << 20) // of a run's numbers, if it has not too few tiles then
#define MIN_TILES ((size_t)96)

// The parts of the output channels: with both halves a whole number of items for each thread.
static size_t parts_of(const struct winograd *shape) {
    const size_t threads = (size_t)shape->threads;
    const size_t wanted = threads % 2 == 0 ? threads / 2 : threads > 1 ? threads : 1;
    const size_t panels = shape->out_channels / LANES;
    return wanted < panels ? wanted : panels;
}

// Panels of a part, at most.
static size_t panels_of(const struct winograd *shape) {
    const size_t panels = shape->out_channels / LANES;
    return (panels + parts_of(shape) - 1) / parts_of(shape);
}

// Bytes follow from it, so that it depends on the layer alone.
static size_t tiles_of_run(const struct winograd *shape) {
    const size_t fit = RUN_FLOATS / (HALF_POINTS * (shape->channels + shape->out_channels));
    const size_t limit = fit < MIN_TILES ? MIN_TILES : fit;
    const size_t tiles = tile_count(shape, TILE);
    return tiles < limit ? tiles : limit;
}

// Rows of a tile's channels, and points, lie so far apart that they do not share cache lines.
static size_t row_of(size_t channels) {
    return channels + LANES;
}

static size_t step_of(size_t tiles, size_t channels) {
    return tiles * row_of(channels) + LANES;
}

static size_t thread_floats(const struct winograd *shape) {
    const size_t tiles = tiles_of_run(shape);
    return HALF_POINTS *
           (step_of(tiles, shape->channels) + step_of(tiles, panels_of(shape) * LANES));
}

size_t cpu_winograd_gradient_workspace(const struct winograd *shape) {
    return (POINTS * shape->channels * shape->out_channels +
            (size_t)shape->threads * thread_floats(shape)) *
           sizeof(float);
}

// What a thread does at once. Numbers at the points: (point of the half, tile, channel); sums of
// all points: (point, channel, output channel).
struct item {
    size_t half;
    struct channel_range outputs;
    size_t in_step, out_step;
    float *in, *out, *sums;
};

// Where a tile's pixels are, of the input and of the output's gradient.
struct tile_pixels {
    struct pixels in, out;
};

static void find_tile(const struct winograd *shape, size_t tile, struct tile_pixels *found) {
    const struct corner corner = corner_of(shape, TILE, tile);
    find_pixels(shape, corner, 1, SPAN, shape->channels, &found->in);
    find_pixels(shape, corner, 0, TILE, shape->out_channels, &found->out);
}

static void take_tiles(const struct winograd *shape, const struct item *item, size_t first,
                       size_t tiles, const void *input, const void *output_gradient) {
    const size_t out_row = row_of(item->outputs.end - item->outputs.first);
    struct tile_pixels found[2];
    find_tile(shape, first, &found[0]);
    for (size_t tile = 0; tile < tiles; tile++) {
        const struct tile_pixels *here = &found[tile % 2];
        struct tile_pixels *next = &found[(tile + 1) % 2];
        find_tile(shape, first + (tile + 1 < tiles ? tile + 1 : tile), next);
        transform_input_half(item->half, input, &here->in, &next->in, shape->channels,
                             item->in + tile * row_of(shape->channels), item->in_step);
        transform_gradient_half(item->half, output_gradient, &here->out, &next->out, item->outputs,
                                item->out + tile * out_row, item->out_step);
    }
}

static void add_products(const struct winograd *shape, const struct item *item, size_t tiles,
                         bool add) {
    const size_t outputs = item->outputs.end - item->outputs.first;
    const size_t together = cpu_f32_together();
    for (size_t point = 0; point < HALF_POINTS; point++) {
        float *sums = item->sums +
                      point_of_half(item->half, point) * shape->channels * shape->out_channels +
                      item->outputs.first;
        for (size_t panel = 0; panel < outputs / LANES; panel += together) {
            const size_t left = outputs / LANES - panel;
            cpu_f32_gemm(
                shape->channels, left < together ? left : together, tiles,
                (struct cpu_f32_a){item->in + point * item->in_step, 1, row_of(shape->channels)},
                (struct cpu_f32_b){item->out + point * item->out_step + panel * LANES, LANES,
                                   row_of(outputs)},
                add, (struct cpu_f32_c){sums + panel * LANES, shape->out_channels, LANES});
        }
    }
}

static void take_item(const struct winograd *shape, const struct item *item, const void *input,
                      const void *output_gradient) {
    const size_t all = tile_count(shape, TILE);
    const size_t together = tiles_of_run(shape);
    for (size_t first = 0; first < all; first += together) {
        const size_t tiles = all - first < together ? all - first : together;
        take_tiles(shape, item, first, tiles, input, output_gradient);
        add_products(shape, item, tiles, first > 0);
    }
}

static void add_gradient(const struct winograd *shape, const float *sums, float *gradient) {
    const size_t panels = shape->out_channels / LANES;
    const size_t step = shape->channels * shape->out_channels;
#pragma omp for collapse(2) schedule(static)
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t c = 0; c < shape->channels; c++) {
            float weights[9][LANES];
            transform_weight_gradient(sums + c * shape->out_channels + panel * LANES, step,
                                      weights);
            for (size_t i = 0; i < LANES; i++) {
                float *to = gradient + ((panel * LANES + i) * shape->channels + c) * 9;
                for (size_t tap = 0; tap < 9; tap++) {
                    to[tap] += weights[tap][i];
                }
            }
        }
    }
}

void cpu_winograd_gradient(const struct winograd *shape, const void *input,
                           const void *output_gradient, float *gradient, void *workspace) {
    const size_t tiles = tiles_of_run(shape);
    const size_t in_step = step_of(tiles, shape->channels);
    const size_t out_step = step_of(tiles, panels_of(shape) * LANES);
    const size_t parts = parts_of(shape);
    const size_t panels = shape->out_channels / LANES;
    float *sums = workspace;
    float *numbers = sums + POINTS * shape->channels * shape->out_channels;
#pragma omp parallel num_threads(shape->threads)
    {
        float *in = numbers + (size_t)omp_get_thread_num() * thread_floats(shape);
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t half = 0; half < 2; half++) {
            for (size_t part = 0; part < parts; part++) {
                const struct item item = {
                    half,    {part * panels / parts * LANES, (part + 1) * panels / parts * LANES},
                    in_step, out_step,
                    in,      in + HALF_POINTS * in_step,
                    sums};
                take_item(shape, &item, input, output_gradient);
            }
        }
        add_gradient(shape, sums, gradient);
    }
}
