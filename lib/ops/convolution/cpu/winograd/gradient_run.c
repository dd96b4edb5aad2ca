// A run of tiles of the weights' gradient.
#include "ops/convolution/cpu/winograd/gradient_run.h"

#include "backend/cpu/products/bf16.h"
#include "backend/cpu/products/f32.h"
#include "core/numbers/size.h"

#define TILE MAX_TILE
#define SPAN MAX_SPAN
#define RUN_WORDS ((size_t)1 << 17) // of a run's numbers, if it has not too few tiles then
#define MIN_TILES ((size_t)96)

// ---- sizes

static size_t tiles_of_row(const struct winograd *shape) {
    return shape->rounds ? 2 : 1;
}

static size_t rows_of(const struct winograd *shape, size_t tiles) {
    return size_divide_up(tiles, tiles_of_row(shape));
}

size_t winograd_runs(const struct winograd *shape) {
    const size_t fit = RUN_WORDS / (HALF_POINTS * shape->channels) * tiles_of_row(shape);
    const size_t runs = size_divide_up(tile_count(shape, TILE), fit < MIN_TILES ? MIN_TILES : fit);
    return runs > 1 ? size_divide_up(runs, 2) * 2 : 1;
}

// Before a run.
static size_t rows_before(const struct winograd *shape, size_t run) {
    return run * rows_of(shape, tile_count(shape, TILE)) / winograd_runs(shape);
}

struct run winograd_run_at(const struct winograd *shape, size_t number) {
    const size_t first = rows_before(shape, number) * tiles_of_row(shape);
    const size_t end = rows_before(shape, number + 1) * tiles_of_row(shape);
    return (struct run){.first = first, .tiles = size_min(end, tile_count(shape, TILE)) - first};
}

// Of any run, at most.
static size_t rows_of_run(const struct winograd *shape) {
    return size_divide_up(rows_of(shape, tile_count(shape, TILE)), winograd_runs(shape));
}

// Rows, and points, lie so far apart that they do not share cache lines.
static size_t row_step(size_t channels) {
    return channels + LANES;
}

static size_t point_step(const struct winograd *shape, size_t channels) {
    return rows_of_run(shape) * row_step(channels) + LANES;
}

static size_t in_step(const struct winograd *shape) {
    return point_step(shape, shape->channels);
}

static size_t out_step(const struct winograd *shape) {
    return point_step(shape, cpu_f32_together() * LANES);
}

size_t winograd_run_words(const struct winograd *shape) {
    return HALF_POINTS * (in_step(shape) + out_step(shape) + CHANNELS * cpu_f32_together() * LANES);
}

struct numbers winograd_run_numbers(const struct winograd *shape, float *memory) {
    float *out = memory + HALF_POINTS * in_step(shape);
    float *sums = out + HALF_POINTS * out_step(shape);
    return (struct numbers){in_step(shape), out_step(shape), memory, out, sums};
}

// ---- numbers

// The pixels that a tile reads: `side` x `side`, `border` outside of the outputs.
struct square {
    size_t border, side, channels;
};

static const struct pixels *found_in(const struct pixels found[2][2], size_t row) {
    return found[row % 2];
}

// What the tiles of a row read. Behind a run's last tile there is nothing.
static void find_row_of(const struct winograd *shape, const struct run *run, size_t row,
                        struct square square, struct pixels found[2]) {
    const size_t count = tiles_of_row(shape);
    for (size_t i = 0; i < count; i++) {
        const size_t tile = row * count + i;
        const struct corner corner = tile < run->tiles
                                         ? corner_of(shape, TILE, run->first + tile)
                                         : (struct corner){0, shape->height + square.border, 0};
        find_pixels(shape, corner, square.border, square.side, square.channels, &found[i]);
    }
}

// That of a row, and of the next, which was found with the row before. Rows come in their order.
static void find_rows_of(const struct winograd *shape, const struct run *run, size_t row,
                         struct square square, struct pixels found[2][2]) {
    const size_t last = rows_of(shape, run->tiles) - 1;
    if (row == 0) {
        find_row_of(shape, run, 0, square, found[0]);
    }
    find_row_of(shape, run, size_min(row + 1, last), square, found[(row + 1) % 2]);
}

void winograd_run_inputs(const struct winograd *shape, const struct run *run, const void *input) {
    const struct square square = {1, SPAN, shape->channels};
    const size_t step = run->numbers->in_step;
    struct pixels found[2][2];
    for (size_t row = 0; row < rows_of(shape, run->tiles); row++) {
        const size_t to = row * row_step(shape->channels);
        find_rows_of(shape, run, row, square, found);
        if (shape->rounds) {
            transform_input_pair(run->half, input, found_in(found, row), found_in(found, row + 1),
                                 shape->channels, (uint32_t *)run->numbers->in + to, step);
        } else {
            transform_input_half(run->half, input, found_in(found, row), found_in(found, row + 1),
                                 shape->channels, (float *)run->numbers->in + to, step);
        }
    }
}

// Words between panels of a group's pairs.
static size_t panel_step(const struct winograd *shape, const struct run *run) {
    return rows_of(shape, run->tiles) * LANES;
}

void winograd_run_gradients(const struct winograd *shape, const struct run *run, struct group group,
                            const void *output_gradient) {
    const struct square square = {0, TILE, shape->out_channels};
    const struct channel_range channels = {group.first * LANES,
                                           (group.first + group.count) * LANES};
    const size_t step = run->numbers->out_step;
    struct pixels found[2][2];
    for (size_t row = 0; row < rows_of(shape, run->tiles); row++) {
        find_rows_of(shape, run, row, square, found);
        if (shape->rounds) {
            transform_gradient_pair(run->half, output_gradient, found_in(found, row),
                                    found_in(found, row + 1), channels,
                                    (uint32_t *)run->numbers->out + row * LANES,
                                    panel_step(shape, run), step);
        } else {
            transform_gradient_half(
                run->half, output_gradient, found_in(found, row), found_in(found, row + 1),
                channels, (float *)run->numbers->out + row * row_step(group.count * LANES), step);
        }
    }
}

// ---- products

// So many words behind the first.
static const void *word_at(const void *words, size_t index) {
    return (const char *)words + index * sizeof(float);
}

// A point's sums of `count` channels from `channel` on and of so many panels.
static void multiply(const struct winograd *shape, const struct run *run, size_t panels,
                     size_t channel, size_t count, size_t point) {
    const struct numbers *numbers = run->numbers;
    const size_t width = panels * LANES;
    const void *in = word_at(numbers->in, point * numbers->in_step + channel);
    const void *out = word_at(numbers->out, point * numbers->out_step);
    float *sums = numbers->sums + point * width;
    if (shape->rounds) {
        const size_t pairs = rows_of(shape, run->tiles);
        cpu_bf16_gemm(
            count, width, pairs, (struct cpu_bf16_a){in, 2, 2 * row_step(shape->channels)},
            (struct cpu_bf16_b){out, 2 * panel_step(shape, run)}, false, sums, HALF_POINTS * width);
    } else {
        cpu_f32_gemm(count, panels, run->tiles,
                     (struct cpu_f32_a){in, 1, row_step(shape->channels)},
                     (struct cpu_f32_b){out, LANES, row_step(width)}, false,
                     (struct cpu_f32_c){sums, HALF_POINTS * width, LANES});
    }
}

void winograd_run_products(const struct winograd *shape, const struct run *run, size_t panels,
                           size_t channel, size_t count, float *totals) {
    const size_t width = panels * LANES;
    for (size_t point = 0; point < HALF_POINTS; point++) {
        multiply(shape, run, panels, channel, count, point);
    }
    for (size_t c = 0; c < count; c++) {
        for (size_t panel = 0; panel < panels; panel++) {
            add_weight_gradient_half(run->half,
                                     run->numbers->sums + c * HALF_POINTS * width + panel * LANES,
                                     totals + c * TAPS * width + panel * LANES, width);
        }
    }
}
