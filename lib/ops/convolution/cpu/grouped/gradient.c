// The weights' gradient of a grouped convolution: sums over the pixels of tiles, in parts that do
// not depend on the threads, added up in their order.
#include "ops/convolution/cpu/grouped/grouped.h"
#include "ops/convolution/cpu/grouped/lanes.h"
#include "ops/convolution/cpu/grouped/tiles.h"

#include <omp.h>
#include <string.h>

#define MIN_ITEMS ((size_t)32) // for threads: parts of the rows, times slabs of channels

static size_t parts_of(const struct phase_plan *plan) {
    const size_t slabs = grouped_slabs(plan);
    const size_t wanted = (MIN_ITEMS + slabs - 1) / slabs;
    const size_t tiles = grouped_row_tiles(plan);
    return wanted < tiles ? wanted : tiles;
}

static size_t gradient_floats(const struct phase_plan *plan) {
    return plan->tiles.rows * plan->columns * grouped_widest(plan);
}

static size_t thread_bytes(const struct phase_plan *plan) {
    return workspace_part(grouped_input_floats(plan) * sizeof(float)) +
           workspace_part(gradient_floats(plan) * sizeof(float));
}

static size_t sums_bytes(const struct phase_plan *plan) {
    return workspace_part(parts_of(plan) * grouped_weights_size(plan) * sizeof(float));
}

size_t grouped_gradient_workspace(const struct phase_plan *plan) {
    return sums_bytes(plan) + (size_t)plan->threads * thread_bytes(plan);
}

// What a tile adds to `sums`, which lie as weights do.
static void add_tile(const struct phase_plan *plan, const struct grouped_tile *tile,
                     const void *input, const void *output_gradient, float *workspace,
                     float *sums) {
    const size_t channels = tile->channels;
    const size_t window = plan->window_height * plan->window_width;
    const size_t of_row = plan->columns * channels;
    float *gradient =
        workspace + workspace_part(grouped_input_floats(plan) * sizeof(float)) / sizeof(float);
    grouped_read_input(plan, tile, input, workspace);
    for (size_t y = 0; y < tile->rows; y++) {
        grouped_read_pixels(plan->precision, output_gradient,
                            tile->image * plan->out_image + (tile->row + y) * plan->out_row +
                                tile->channel,
                            plan->channels, plan->columns, channels, gradient + y * of_row);
    }
    struct grouped_lanes_gradient job = {.width = plan->group_width,
                                         .rows = tile->rows,
                                         .columns = plan->columns,
                                         .window_height = plan->window_height,
                                         .window_width = plan->window_width,
                                         .tap_row = grouped_row_floats(plan, channels),
                                         .tap = channels,
                                         .pixel = plan->stride_x * channels,
                                         .gradient_row = of_row,
                                         .gradient_pixel = channels};
    job.row = plan->stride_y * job.tap_row;
    for (size_t c = 0; c < channels; c += plan->tiles.lanes) {
        job.input =
            workspace +
            (plan->group_width > plan->tiles.lanes ? c / plan->group_width * plan->group_width : c);
        job.gradient = gradient + c;
        job.sums = sums + (tile->channel + c) * plan->group_width * window;
        grouped_sum_lanes(plan->tiles.lanes, &job);
    }
}

// The rows' tiles of one part in one slab.
static void add_part(const struct phase_plan *plan, size_t part, size_t slab, const void *input,
                     const void *output_gradient, float *workspace, float *sums) {
    const size_t tiles = grouped_row_tiles(plan);
    const size_t parts = parts_of(plan);
    for (size_t i = part * tiles / parts; i < (part + 1) * tiles / parts; i++) {
        const struct grouped_tile tile = grouped_tile_at(plan, i, slab);
        add_tile(plan, &tile, input, output_gradient, workspace, sums);
    }
}

// Adds the parts' sums of one vector of channels to the gradient.
static void join_parts(const struct phase_plan *plan, const float *sums, size_t first,
                       float *gradient) {
    const size_t window = plan->window_height * plan->window_width;
    const size_t size = grouped_weights_size(plan);
    const size_t parts = parts_of(plan);
    const float *from = sums + first * plan->group_width * window;
    for (size_t tap = 0; tap < window; tap++) {
        for (size_t i = 0; i < plan->group_width; i++) {
            for (size_t lane = 0; lane < plan->tiles.lanes; lane++, from++) {
                float *to =
                    gradient + (first + lane) * plan->taps.out_step + i * plan->taps.in_step + tap;
                for (size_t part = 0; part < parts; part++) {
                    *to += from[part * size];
                }
            }
        }
    }
}

void grouped_weight_gradient(const struct phase_plan *plan, const void *input,
                             const void *output_gradient, float *gradient, void *workspace) {
    const size_t parts = parts_of(plan);
    const size_t slabs = grouped_slabs(plan);
    const size_t size = grouped_weights_size(plan);
    float *sums = workspace;
    memset(sums, 0, parts * size * sizeof *sums);
#pragma omp parallel num_threads(plan->threads)
    {
        float *own = sums + (sums_bytes(plan) + (size_t)omp_get_thread_num() * thread_bytes(plan)) /
                                sizeof(float);
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t part = 0; part < parts; part++) {
            for (size_t slab = 0; slab < slabs; slab++) {
                add_part(plan, part, slab, input, output_gradient, own, sums + part * size);
            }
        }
#pragma omp for schedule(static)
        for (size_t first = 0; first < plan->channels; first += plan->tiles.lanes) {
            join_parts(plan, sums, first, gradient);
        }
    }
}
