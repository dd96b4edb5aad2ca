// Grouped convolution: tiles, weights by vectors, and the forward pass, which the input's gradient
// goes by as well.
#include "ops/convolution/cpu/grouped/grouped.h"

#include "ops/convolution/cpu/grouped/lanes.h"
#include "ops/convolution/cpu/grouped/tiles.h"

#include <omp.h>

#define TILE_FLOATS ((size_t)65536) // of what is read for a tile
#define TILE_ROWS ((size_t)8)       // that are worth narrower slabs: neighbours read rows again
#define MAX_SLAB ((size_t)64)
#define MIN_SLAB ((size_t)16) // a cache line

// ---- tiles

// The rows of a tile that fit.
static size_t rows_that_fit(const struct phase_plan *plan) {
    const size_t lines = TILE_FLOATS / (grouped_row_floats(plan, grouped_widest(plan)) + 1);
    return lines > plan->window_height ? (lines - plan->window_height) / plan->stride_y + 1 : 1;
}

static bool slab_is_wide(const struct phase_plan *plan) {
    const size_t rows = plan->rows < TILE_ROWS ? plan->rows : TILE_ROWS;
    return rows_that_fit(plan) < rows;
}

// Whether there is code for groups of that width, and channels make whole vectors.
static bool suits(const struct phase_plan *plan) {
    const size_t width = plan->group_width;
    return width < plan->channels && plan->channels == plan->out_channels &&
           plan->channels % 8 == 0 &&
           (width == 1 || width == 4 || width == 8 || width == 16 || width == 32 || width == 64);
}

bool grouped_complete(struct phase_plan *plan) {
    struct group_tiles *tiles = &plan->tiles;
    if (!suits(plan)) {
        return false;
    }
    tiles->lanes = grouped_lanes_for(plan->channels);
    tiles->slab = MAX_SLAB;
    tiles->rows = 1;
    if (plan->rows == 0 || plan->columns == 0) {
        return true;
    }
    while (tiles->slab > MIN_SLAB && tiles->slab > plan->group_width && slab_is_wide(plan)) {
        tiles->slab /= 2;
    }
    const size_t most = rows_that_fit(plan);
    const size_t count = (plan->rows + most - 1) / most;
    tiles->rows = (plan->rows + count - 1) / count;
    return true;
}

// ---- weights

size_t grouped_weights_size(const struct phase_plan *plan) {
    return plan->window_height * plan->window_width * plan->group_width * plan->channels;
}

void grouped_pack_weights(const struct phase_plan *plan, const float *weights, float *packed) {
    const struct taps *taps = &plan->taps;
    const size_t of_group =
        plan->group_width * (taps->out_step > taps->in_step ? taps->out_step : taps->in_step);
    for (size_t first = 0; first < plan->channels; first += plan->tiles.lanes) {
        for (size_t y = 0; y < plan->window_height; y++) {
            for (size_t x = 0; x < plan->window_width; x++) {
                const ptrdiff_t tap =
                    (taps->first_y + (ptrdiff_t)y * taps->each) * (ptrdiff_t)taps->side +
                    taps->first_x + (ptrdiff_t)x * taps->each;
                for (size_t i = 0; i < plan->group_width; i++) {
                    for (size_t lane = 0; lane < plan->tiles.lanes; lane++) {
                        const size_t channel = first + lane;
                        *packed++ = weights[channel / plan->group_width * of_group +
                                            channel % plan->group_width * taps->out_step +
                                            i * taps->in_step + (size_t)tap];
                    }
                }
            }
        }
    }
}

// ---- the pass

size_t grouped_workspace(const struct phase_plan *plan) {
    if (plan->rows == 0 || plan->columns == 0) {
        return 0;
    }
    const size_t output = plan->precision == PRECISION_F32
                              ? 0
                              : plan->tiles.rows * plan->columns * grouped_widest(plan);
    return (size_t)plan->threads * (workspace_part(grouped_input_floats(plan) * sizeof(float)) +
                                    workspace_part(output * sizeof(float)));
}

// All vectors of a tile, whose inputs lie in `floats`.
static void convolve_vectors(const struct phase_plan *plan, const struct grouped_tile *tile,
                             const float *floats, const float *weights, struct epilogue epilogue,
                             float *output, size_t out_row, size_t out_pixel) {
    const size_t window = plan->window_height * plan->window_width;
    struct grouped_lanes job = {.width = plan->group_width,
                                .rows = tile->rows,
                                .columns = plan->columns,
                                .window_height = plan->window_height,
                                .window_width = plan->window_width,
                                .tap_row = grouped_row_floats(plan, tile->channels),
                                .tap = tile->channels,
                                .pixel = plan->stride_x * tile->channels,
                                .sum = epilogue.sum,
                                .relu = epilogue.relu,
                                .out_row = out_row,
                                .out_pixel = out_pixel};
    job.row = plan->stride_y * job.tap_row;
    for (size_t c = 0; c < tile->channels; c += plan->tiles.lanes) {
        job.input =
            floats +
            (plan->group_width > plan->tiles.lanes ? c / plan->group_width * plan->group_width : c);
        job.weights = weights + (tile->channel + c) * plan->group_width * window;
        job.bias = epilogue.bias == NULL ? NULL : epilogue.bias + tile->channel + c;
        job.output = output + c;
        grouped_convolve_lanes(plan->tiles.lanes, &job);
    }
}

static void convolve_tile(const struct phase_plan *plan, const struct grouped_tile *tile,
                          const void *input, const float *weights, struct epilogue epilogue,
                          void *output, size_t first, float *workspace) {
    const size_t start =
        first + tile->image * plan->out_image + tile->row * plan->out_row + tile->channel;
    grouped_read_input(plan, tile, input, workspace);
    if (plan->precision == PRECISION_F32) {
        convolve_vectors(plan, tile, workspace, weights, epilogue, (float *)output + start,
                         plan->out_row, plan->out_pixel);
        return;
    }
    float *floats =
        workspace + workspace_part(grouped_input_floats(plan) * sizeof(float)) / sizeof(float);
    const size_t of_row = plan->columns * tile->channels;
    for (size_t y = 0; epilogue.sum && y < tile->rows; y++) {
        grouped_read_pixels(plan->precision, output, start + y * plan->out_row, plan->out_pixel,
                            plan->columns, tile->channels, floats + y * of_row);
    }
    convolve_vectors(plan, tile, workspace, weights, epilogue, floats, of_row, tile->channels);
    for (size_t y = 0; y < tile->rows; y++) {
        grouped_write_pixels(plan->precision, output, start + y * plan->out_row, plan->out_pixel,
                             plan->columns, tile->channels, floats + y * of_row);
    }
}

void grouped_convolve(const struct phase_plan *plan, const void *input, const float *weights,
                      struct epilogue epilogue, void *output, size_t first, void *workspace) {
    if (plan->rows == 0 || plan->columns == 0) {
        return;
    }
    const size_t row_tiles = grouped_row_tiles(plan);
    const size_t slabs = grouped_slabs(plan);
    const size_t floats = grouped_workspace(plan) / (size_t)plan->threads / sizeof(float);
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(plan->threads)
    for (size_t rows = 0; rows < row_tiles; rows++) {
        for (size_t slab = 0; slab < slabs; slab++) {
            const struct grouped_tile tile = grouped_tile_at(plan, rows, slab);
            convolve_tile(plan, &tile, input, weights, epilogue, output, first,
                          (float *)workspace + (size_t)omp_get_thread_num() * floats);
        }
    }
}
