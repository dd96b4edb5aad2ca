// Winograd's method for the weights' gradient: the forward direction's transpose. Inputs and
// outputs' gradients become numbers at the points, their products are summed over tiles, and the
// sums brought back to 3 x 3. A thread takes half of the tiles, and perhaps a part of the output
// channels, a run of tiles and a half of the points at a time: what it multiplies is in its own
// core's caches.
#include "backend/cpu/products/f32.h"
#include "core/numbers/size.h"
#include "ops/convolution/cpu/winograd/gradient_run.h"
#include "ops/convolution/cpu/winograd/square.h"

#include <omp.h>
#include <string.h>

static size_t groups_of(const struct winograd *shape) {
    const size_t together = cpu_f32_together();
    return (shape->out_channels / LANES + together - 1) / together;
}

static struct group group_at(const struct winograd *shape, size_t number) {
    const size_t together = cpu_f32_together();
    const size_t left = shape->out_channels / LANES - number * together;
    return (struct group){number * together, left < together ? left : together};
}

// The parts of the output channels: with both shares a whole number of items for each thread.
static size_t parts_of(const struct winograd *shape) {
    const size_t threads = (size_t)shape->threads;
    return size_min(threads % 2 == 0 ? threads / 2 : threads, groups_of(shape));
}

// ---- memory: totals of each share, then what each thread works on

static size_t total_floats(const struct winograd *shape) {
    return TAPS * shape->channels * shape->out_channels;
}

// What one thread sums: of some runs, some halves of the points, of some groups.
struct item {
    size_t first_run, end_run;
    size_t first_half, end_half;
    size_t first_group, end_group;
};

// Of both shares, and of a part of the output channels. A share has half of the runs, which a
// thread then reads alone; of a single run it has half of the points.
static struct item item_at(const struct winograd *shape, size_t share, size_t part) {
    const size_t runs = winograd_runs(shape);
    const bool single = runs == 1;
    return (struct item){single ? 0 : share * runs / 2,
                         single ? 1 : (share + 1) * runs / 2,
                         single ? share : 0,
                         single ? share + 1 : 2,
                         part * groups_of(shape) / parts_of(shape),
                         (part + 1) * groups_of(shape) / parts_of(shape)};
}

// A run's products of an item's groups.
static void take_run(const struct winograd *shape, const struct run *run, const struct item *item,
                     const void *input, const void *output_gradient, float *totals) {
    winograd_run_inputs(shape, run, input);
    for (size_t number = item->first_group; number < item->end_group; number++) {
        const struct group group = group_at(shape, number);
        float *to = totals + group.first * LANES * TAPS * shape->channels;
        winograd_run_gradients(shape, run, group, output_gradient);
        for (size_t c = 0; c < shape->channels; c += CHANNELS) {
            winograd_run_products(shape, run, group.count, c,
                                  size_min(shape->channels - c, CHANNELS),
                                  to + c * TAPS * group.count * LANES);
        }
    }
}

static void take_item(const struct winograd *shape, const struct item *item, const void *input,
                      const void *output_gradient, const struct numbers *numbers, float *totals) {
    const size_t first = group_at(shape, item->first_group).first;
    const struct group last = group_at(shape, item->end_group - 1);
    memset(totals + first * LANES * TAPS * shape->channels, 0,
           (last.first + last.count - first) * LANES * TAPS * shape->channels * sizeof *totals);
    for (size_t number = item->first_run; number < item->end_run; number++) {
        struct run run = winograd_run_at(shape, number);
        run.numbers = numbers;
        for (run.half = item->first_half; run.half < item->end_half; run.half++) {
            take_run(shape, &run, item, input, output_gradient, totals);
        }
    }
}

// Adds a square of both totals to a square of the gradient, whose rows they are columns of.
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

// Adds both totals of `count` channels, `width` lanes each, to the gradient that LANES
// output channels have of them, `step` numbers apart; a few numbers of each lane at once, since
// they share cache lines.
static void add_gradient(const float *first, const float *second, size_t count, size_t width,
                         float *gradient, size_t step) {
    for (size_t begin = 0; begin < count * TAPS; begin += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) { // what comes next but one is fetched
            __builtin_prefetch(gradient + lane * step + begin + 2 * LANES, 1);
        }
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

// ---- a single run, both halves one after the other

// Whether all tiles are one run, and groups keep the threads busy without shares.
static bool at_once(const struct winograd *shape) {
    return winograd_runs(shape) == 1 && groups_of(shape) >= 2 * (size_t)shape->threads;
}

static size_t total_floats_at_once(void) {
    return CHANNELS * TAPS * cpu_f32_together() * LANES;
}

static size_t thread_floats_at_once(const struct winograd *shape) {
    return 2 * (winograd_run_words(shape) + total_floats_at_once());
}

// A group's gradient of all channels; `runs` hold the halves' inputs.
static void take_group(const struct winograd *shape, const struct run runs[2], struct group group,
                       const void *output_gradient, float *totals, float *gradient) {
    const size_t numbers = TAPS * shape->channels;
    const size_t width = group.count * LANES;
    winograd_run_gradients(shape, &runs[0], group, output_gradient);
    winograd_run_gradients(shape, &runs[1], group, output_gradient);
    for (size_t c = 0; c < shape->channels; c += CHANNELS) {
        const size_t count = size_min(shape->channels - c, CHANNELS);
        memset(totals, 0, 2 * total_floats_at_once() * sizeof *totals);
        for (size_t half = 0; half < 2; half++) {
            winograd_run_products(shape, &runs[half], group.count, c, count,
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
        const struct numbers halves[2] = {
            winograd_run_numbers(shape, memory),
            winograd_run_numbers(shape, memory + winograd_run_words(shape))};
        const size_t tiles = tile_count(shape, MAX_TILE);
        const struct run runs[2] = {{0, 0, tiles, &halves[0]}, {1, 0, tiles, &halves[1]}};
        winograd_run_inputs(shape, &runs[0], input);
        winograd_run_inputs(shape, &runs[1], input);
#pragma omp for schedule(dynamic)
        for (size_t number = 0; number < groups_of(shape); number++) {
            take_group(shape, runs, group_at(shape, number), output_gradient,
                       memory + 2 * winograd_run_words(shape), gradient);
        }
    }
}

// ---- in shares

size_t cpu_winograd_gradient_workspace(const struct winograd *shape) {
    const size_t threads = (size_t)shape->threads;
    const size_t floats = at_once(shape)
                              ? threads * thread_floats_at_once(shape)
                              : 2 * total_floats(shape) + threads * winograd_run_words(shape);
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
        const struct numbers own = winograd_run_numbers(
            shape, numbers + (size_t)omp_get_thread_num() * winograd_run_words(shape));
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t share = 0; share < 2; share++) {
            for (size_t part = 0; part < parts_of(shape); part++) {
                const struct item item = item_at(shape, share, part);
                take_item(shape, &item, input, output_gradient, &own,
                          totals + share * total_floats(shape));
            }
        }
#pragma omp for schedule(static)
        for (size_t panel = 0; panel < shape->out_channels / LANES; panel++) {
            add_panel(shape, panel, totals, gradient);
        }
    }
}
