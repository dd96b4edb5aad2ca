// Winograd's method for the weights' gradient: the forward direction's transpose. Inputs and
// outputs' gradients become numbers at the points, their products are summed over all tiles, and
// the sums brought back to 3 x 3.
#include "backend/cpu/products/f32.h"
#include "ops/convolution/cpu/winograd/tiles.h"

#define TILE MAX_TILE
#define SPAN MAX_SPAN
#define POINTS MAX_POINTS
#define RUN_FLOATS ((size_t)1 << 21) // of a run's numbers, if it has not too few tiles then
#define MIN_TILES ((size_t)96)

static size_t tiles_of_run(const struct winograd *shape) {
    const size_t fit = RUN_FLOATS / (POINTS * (shape->channels + shape->out_channels));
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

size_t cpu_winograd_gradient_workspace(const struct winograd *shape) {
    const size_t tiles = tiles_of_run(shape);
    return POINTS *
           (step_of(tiles, shape->channels) + step_of(tiles, shape->out_channels) +
            shape->channels * shape->out_channels) *
           sizeof(float);
}

// Numbers at the points: (point, tile, channel); their sums: (point, channel, output channel).
struct run {
    size_t first, tiles;
    size_t in_step, out_step;
    float *in, *out, *sums;
};

static void take_tiles(const struct winograd *shape, const struct run *run, const void *input,
                       const void *output_gradient) {
#pragma omp for schedule(static)
    for (size_t tile = 0; tile < run->tiles; tile++) {
        struct pixels pixels;
        struct pixels next;
        const struct corner corner = corner_of(shape, TILE, run->first + tile);
        const struct corner then =
            corner_of(shape, TILE, run->first + (tile + 1 < run->tiles ? tile + 1 : tile));
        find_pixels(shape, corner, 1, SPAN, shape->channels, &pixels);
        find_pixels(shape, then, 1, SPAN, shape->channels, &next);
        transform_input(TILE, input, &pixels, &next, shape->channels,
                        run->in + tile * row_of(shape->channels), run->in_step);
        find_pixels(shape, corner, 0, TILE, shape->out_channels, &pixels);
        find_pixels(shape, then, 0, TILE, shape->out_channels, &next);
        transform_gradient(output_gradient, &pixels, &next, shape->out_channels,
                           run->out + tile * row_of(shape->out_channels), run->out_step);
    }
}

static void add_products(const struct winograd *shape, const struct run *run) {
    const size_t panels = shape->out_channels / LANES;
    const size_t together = cpu_f32_together();
#pragma omp for collapse(2) schedule(static)
    for (size_t point = 0; point < POINTS; point++) {
        for (size_t panel = 0; panel < panels; panel += together) {
            float *sums = run->sums + point * shape->channels * shape->out_channels;
            cpu_f32_gemm(
                shape->channels, panels - panel < together ? panels - panel : together, run->tiles,
                (struct cpu_f32_a){run->in + point * run->in_step, 1, row_of(shape->channels)},
                (struct cpu_f32_b){run->out + point * run->out_step + panel * LANES, LANES,
                                   row_of(shape->out_channels)},
                run->first > 0,
                (struct cpu_f32_c){sums + panel * LANES, shape->out_channels, LANES});
        }
    }
}

static void add_gradient(const struct winograd *shape, const struct run *run, float *gradient) {
    const size_t panels = shape->out_channels / LANES;
    const size_t step = shape->channels * shape->out_channels;
#pragma omp for collapse(2) schedule(static)
    for (size_t panel = 0; panel < panels; panel++) {
        for (size_t c = 0; c < shape->channels; c++) {
            float weights[9][LANES];
            transform_weight_gradient(run->sums + c * shape->out_channels + panel * LANES, step,
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
    const size_t tiles = tile_count(shape, TILE);
    const size_t together = tiles_of_run(shape);
    const size_t in_step = step_of(together, shape->channels);
    const size_t out_step = step_of(together, shape->out_channels);
    float *in = workspace;
    float *out = in + POINTS * in_step;
    float *sums = out + POINTS * out_step;
#pragma omp parallel num_threads(shape->threads)
    {
        struct run run = {0, 0, in_step, out_step, in, out, sums};
        for (; run.first < tiles; run.first += together) {
            run.tiles = tiles - run.first < together ? tiles - run.first : together;
            take_tiles(shape, &run, input, output_gradient);
            add_products(shape, &run);
        }
        add_gradient(shape, &run, gradient);
    }
}
