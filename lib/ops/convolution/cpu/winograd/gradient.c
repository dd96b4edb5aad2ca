// Winograd's method for the weights' gradient: the forward direction's transpose. Inputs and
// outputs' gradients become numbers at the points, their products are summed over tiles, and the
// sums brought back to 3 x 3. A thread takes a half of the points, and perhaps a part of the output
// channels, through all tiles: what it multiplies is in its own core's caches.
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

// The parts of the output channels: with both halves a whole number of items for each thread.
static size_t parts_of(const struct winograd *shape) {
    const size_t threads = (size_t)shape->threads;
    return size_min(threads % 2 == 0 ? threads / 2 : threads, groups_of(shape));
}

// ---- memory: totals of each half, then what each thread works on

static size_t total_floats(const struct winograd *shape) {
    return TAPS * shape->channels * shape->out_channels;
}

// Of a half, a part of the output channels.
static void take_part(const struct winograd *shape, size_t half, size_t part, const void *input,
                      const void *output_gradient, const struct numbers *numbers, float *totals) {
    const size_t all = tile_count(shape, MAX_TILE);
    const size_t together = winograd_run_tiles(shape);
    const size_t first_group = part * groups_of(shape) / parts_of(shape);
    const size_t end_group = (part + 1) * groups_of(shape) / parts_of(shape);
    for (size_t first = 0; first < all; first += together) {
        const struct run run = {half, first, size_min(all - first, together), numbers};
        winograd_run_inputs(shape, &run, input);
        for (size_t number = first_group; number < end_group; number++) {
            const struct group group = group_at(shape, number);
            float *to = totals + group.first * LANES * TAPS * shape->channels;
            if (first == 0) {
                memset(to, 0, group.count * LANES * TAPS * shape->channels * sizeof *to);
            }
            winograd_run_gradients(shape, &run, group, output_gradient);
            for (size_t c = 0; c < shape->channels; c += CHANNELS) {
                winograd_run_products(shape, &run, group.count, c,
                                      size_min(shape->channels - c, CHANNELS),
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
    return tile_count(shape, MAX_TILE) == winograd_run_tiles(shape) &&
           groups_of(shape) >= 2 * (size_t)shape->threads;
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

// ---- halves apart

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
