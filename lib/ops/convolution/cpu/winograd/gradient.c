// Winograd's method for the weights' gradient: the forward direction's transpose. Inputs and
// outputs' gradients become numbers at the points, their products are summed over tiles, and the
// sums brought back to 3 x 3. A thread takes a half of the points, and perhaps a part of the output
// channels, through all tiles: what it multiplies is in its own core's caches.
#include "backend/cpu/products/f32.h"
#include "core/numbers/size.h"
#include "ops/convolution/cpu/winograd/gradient_tiles.h"
#include "ops/convolution/cpu/winograd/square.h"

#include <omp.h>
#include <string.h>

#define TILE MAX_TILE
#define SPAN MAX_SPAN
#define TAPS ((size_t)9)
#define RUN_FLOATS ((size_t)1 << 18) // of a run's numbers, if it has not too few tiles then
#define MIN_TILES ((size_t)96)
#define CHANNELS ((size_t)64) // whose sums are made together: those of a group stay in the cache

// Panels of output channels that are multiplied together: `count` from `first` on.
struct group {
    size_t first, count;
};

static size_t groups_of(const struct winograd *shape) {
    const size_t together = cpu_f32_together();
    return (shape->out_channels / LANES + together - 1) / together;
}

static struct group group_at(const struct winograd *shape, size_t number) {
    const size_t together = cpu_f32_together();
    const size_t left = shape->out_channels / LANES - number * together;
    return (struct group){number * together, left < together ? left : together};
}

// The parts of the output channels: with both halves a whole number of items for each thread.
static size_t parts_of(const struct winograd *shape) {
    const size_t threads = (size_t)shape->threads;
    return size_min(threads % 2 == 0 ? threads / 2 : threads, groups_of(shape));
}

// Bytes follow from it, so that it depends on the layer alone.
static size_t tiles_of_run(const struct winograd *shape) {
    const size_t fit = RUN_FLOATS / (HALF_POINTS * shape->channels);
    return size_min(tile_count(shape, TILE), fit < MIN_TILES ? MIN_TILES : fit);
}

// Rows of a tile's channels, and points, lie so far apart that they do not share cache lines.
static size_t row_of(size_t channels) {
    return channels + LANES;
}

static size_t step_of(size_t tiles, size_t channels) {
    return tiles * row_of(channels) + LANES;
}

// ---- memory: totals of each half, then what each thread works on

static size_t total_floats(const struct winograd *shape) {
    return TAPS * shape->channels * shape->out_channels;
}

// Numbers at the points of a half: (point, tile, channel). Sums: (channel, point, lane of the
// group).
struct numbers {
    size_t in_step, out_step;
    float *in, *out, *sums;
};

static size_t in_step(const struct winograd *shape) {
    return step_of(tiles_of_run(shape), shape->channels);
}

static size_t out_step(const struct winograd *shape) {
    return step_of(tiles_of_run(shape), cpu_f32_together() * LANES);
}

static size_t thread_floats(const struct winograd *shape) {
    return HALF_POINTS * (in_step(shape) + out_step(shape) + CHANNELS * cpu_f32_together() * LANES);
}

static struct numbers numbers_at(const struct winograd *shape, float *memory) {
    float *out = memory + HALF_POINTS * in_step(shape);
    float *sums = out + HALF_POINTS * out_step(shape);
    return (struct numbers){in_step(shape), out_step(shape), memory, out, sums};
}

// ---- a run of tiles

struct run {
    size_t half, first, tiles;
    const struct numbers *numbers;
};

// What tile `tile` of the run and the one behind it read, the one's in found[tile % 2]: squares of
// `side` pixels, `border` outside of the outputs. Tiles come in their order, from 0 on.
static void find_pixels_of(const struct winograd *shape, const struct run *run, size_t tile,
                           size_t border, size_t side, size_t channels, struct pixels *found) {
    const size_t next = run->first + size_min(tile + 1, run->tiles - 1);
    if (tile == 0) {
        find_pixels(shape, corner_of(shape, TILE, run->first), border, side, channels, &found[0]);
    }
    find_pixels(shape, corner_of(shape, TILE, next), border, side, channels,
                &found[(tile + 1) % 2]);
}

static void take_inputs(const struct winograd *shape, const struct run *run, const void *input) {
    struct pixels found[2];
    for (size_t tile = 0; tile < run->tiles; tile++) {
        find_pixels_of(shape, run, tile, 1, SPAN, shape->channels, found);
        transform_input_half(run->half, input, &found[tile % 2], &found[(tile + 1) % 2],
                             shape->channels, run->numbers->in + tile * row_of(shape->channels),
                             run->numbers->in_step);
    }
}

static void take_gradients(const struct winograd *shape, const struct run *run, struct group group,
                           const void *output_gradient) {
    const struct channel_range channels = {group.first * LANES,
                                           (group.first + group.count) * LANES};
    struct pixels found[2];
    for (size_t tile = 0; tile < run->tiles; tile++) {
        find_pixels_of(shape, run, tile, 0, TILE, shape->out_channels, found);
        transform_gradient_half(
            run->half, output_gradient, &found[tile % 2], &found[(tile + 1) % 2], channels,
            run->numbers->out + tile * row_of(group.count * LANES), run->numbers->out_step);
    }
}

// Sums of `count` channels from `channel` on and of a group, added to these channels' totals of the
// half: (channel, tap, lane of the group).
static void add_products(const struct winograd *shape, const struct run *run, size_t panels,
                         size_t channel, size_t count, float *totals) {
    const struct numbers *numbers = run->numbers;
    const size_t width = panels * LANES;
    for (size_t point = 0; point < HALF_POINTS; point++) {
        cpu_f32_gemm(
            count, panels, run->tiles,
            (struct cpu_f32_a){numbers->in + point * numbers->in_step + channel, 1,
                               row_of(shape->channels)},
            (struct cpu_f32_b){numbers->out + point * numbers->out_step, LANES, row_of(width)},
            false, (struct cpu_f32_c){numbers->sums + point * width, HALF_POINTS * width, LANES});
    }
    for (size_t c = 0; c < count; c++) {
        for (size_t panel = 0; panel < panels; panel++) {
            add_weight_gradient_half(run->half,
                                     numbers->sums + c * HALF_POINTS * width + panel * LANES,
                                     totals + c * TAPS * width + panel * LANES, width);
        }
    }
}

// Of a half, a part of the output channels.
static void take_part(const struct winograd *shape, size_t half, size_t part, const void *input,
                      const void *output_gradient, const struct numbers *numbers, float *totals) {
    const size_t all = tile_count(shape, TILE);
    const size_t together = tiles_of_run(shape);
    const size_t first_group = part * groups_of(shape) / parts_of(shape);
    const size_t end_group = (part + 1) * groups_of(shape) / parts_of(shape);
    for (size_t first = 0; first < all; first += together) {
        const struct run run = {half, first, size_min(all - first, together), numbers};
        take_inputs(shape, &run, input);
        for (size_t number = first_group; number < end_group; number++) {
            const struct group group = group_at(shape, number);
            float *to = totals + group.first * LANES * TAPS * shape->channels;
            if (first == 0) {
                memset(to, 0, group.count * LANES * TAPS * shape->channels * sizeof *to);
            }
            take_gradients(shape, &run, group, output_gradient);
            for (size_t c = 0; c < shape->channels; c += CHANNELS) {
                add_products(shape, &run, group.count, c, size_min(shape->channels - c, CHANNELS),
                             to + c * TAPS * group.count * LANES);
            }
        }
    }
}

// Adds a square of both halves' totals to a square of the gradient, whose rows they are columns of.
static void add_square(const float *first, const float *second, size_t width, float *gradient,
                       size_t step) {
    square_row rows[SQUARE];
    for (size_t i = 0; i < SQUARE; i++) {
        rows[i] = square_load(first + i * width) + square_load(second + i * width);
    }
    square_turn(rows);
    for (size_t i = 0; i < SQUARE; i++) {
        square_store(gradient + i * step, square_load(gradient + i * step) + rows[i]);
    }
}

// Adds both halves' totals of `count` channels, `width` lanes each, to the gradient that LANES
// output channels have of them, `step` numbers apart; a few numbers of each lane at once, since
// they share cache lines.
static void add_gradient(const float *first, const float *second, size_t count, size_t width,
                         float *gradient, size_t step) {
    for (size_t begin = 0; begin < count * TAPS; begin += LANES) {
        for (size_t lane = 0; lane < LANES; lane += SQUARE) {
            for (size_t i = begin; i < begin + LANES; i += SQUARE) {
                add_square(first + i * width + lane, second + i * width + lane, width,
                           gradient + lane * step + i, step);
            }
        }
    }
}

// Of a panel, all that its group's totals hold.
static void add_panel(const struct winograd *shape, size_t panel, const float *totals,
                      float *gradient) {
    const size_t numbers = TAPS * shape->channels; // of an output channel
    const struct group group = group_at(shape, panel / cpu_f32_together());
    const float *first = totals + group.first * LANES * numbers + (panel - group.first) * LANES;
    add_gradient(first, first + total_floats(shape), shape->channels, group.count * LANES,
                 gradient + panel * LANES * numbers, numbers);
}

// ---- both halves one after the other

// Whether all tiles are one run, and groups keep the threads busy without the halves.
static bool at_once(const struct winograd *shape) {
    return tile_count(shape, TILE) == tiles_of_run(shape) &&
           groups_of(shape) >= 2 * (size_t)shape->threads;
}

static size_t total_floats_at_once(void) {
    return CHANNELS * TAPS * cpu_f32_together() * LANES;
}

static size_t thread_floats_at_once(const struct winograd *shape) {
    return 2 * (thread_floats(shape) + total_floats_at_once());
}

// A group's gradient of all channels; `runs` hold the halves' inputs.
static void take_group(const struct winograd *shape, const struct run runs[2], struct group group,
                       const void *output_gradient, float *totals, float *gradient) {
    const size_t numbers = TAPS * shape->channels;
    const size_t width = group.count * LANES;
    take_gradients(shape, &runs[0], group, output_gradient);
    take_gradients(shape, &runs[1], group, output_gradient);
    for (size_t c = 0; c < shape->channels; c += CHANNELS) {
        const size_t count = size_min(shape->channels - c, CHANNELS);
        memset(totals, 0, 2 * total_floats_at_once() * sizeof *totals);
        for (size_t half = 0; half < 2; half++) {
            add_products(shape, &runs[half], group.count, c, count,
                         totals + half * total_floats_at_once());
        }
        for (size_t panel = 0; panel < group.count; panel++) {
            const float *first = totals + panel * LANES;
            add_gradient(first, first + total_floats_at_once(), count, width,
                         gradient + (group.first + panel) * LANES * numbers + c * TAPS, numbers);
        }
    }
}

static void gradient_at_once(const struct winograd *shape, const void *input,
                             const void *output_gradient, float *gradient, float *workspace) {
#pragma omp parallel num_threads(shape->threads)
    {
        float *memory = workspace + (size_t)omp_get_thread_num() * thread_floats_at_once(shape);
        const struct numbers halves[2] = {numbers_at(shape, memory),
                                          numbers_at(shape, memory + thread_floats(shape))};
        const size_t tiles = tile_count(shape, TILE);
        const struct run runs[2] = {{0, 0, tiles, &halves[0]}, {1, 0, tiles, &halves[1]}};
        take_inputs(shape, &runs[0], input);
        take_inputs(shape, &runs[1], input);
#pragma omp for schedule(dynamic)
        for (size_t number = 0; number < groups_of(shape); number++) {
            take_group(shape, runs, group_at(shape, number), output_gradient,
                       memory + 2 * thread_floats(shape), gradient);
        }
    }
}

// ---- halves apart

size_t cpu_winograd_gradient_workspace(const struct winograd *shape) {
    const size_t threads = (size_t)shape->threads;
    const size_t floats = at_once(shape) ? threads * thread_floats_at_once(shape)
                                         : 2 * total_floats(shape) + threads * thread_floats(shape);
    return floats * sizeof(float);
}

void cpu_winograd_gradient(const struct winograd *shape, const void *input,
                           const void *output_gradient, float *gradient, void *workspace) {
    if (at_once(shape)) {
        gradient_at_once(shape, input, output_gradient, gradient, workspace);
        return;
    }
    float *totals = workspace;
    float *numbers = totals + 2 * total_floats(shape);
#pragma omp parallel num_threads(shape->threads)
    {
        const struct numbers own =
            numbers_at(shape, numbers + (size_t)omp_get_thread_num() * thread_floats(shape));
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t half = 0; half < 2; half++) {
            for (size_t part = 0; part < parts_of(shape); part++) {
                take_part(shape, half, part, input, output_gradient, &own,
                          totals + half * total_floats(shape));
            }
        }
#pragma omp for schedule(static)
        for (size_t panel = 0; panel < shape->out_channels / LANES; panel++) {
            add_panel(shape, panel, totals, gradient);
        }
    }
}
