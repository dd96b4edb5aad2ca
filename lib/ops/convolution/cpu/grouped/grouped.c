// Grouped convolution: tiles, weights by vectors, and the forward pass, which the input's gradient
// goes by as well.
#include "ops/convolution/cpu/grouped/grouped.h"

#include "backend/cpu/level.h"
#include "ops/convolution/cpu/grouped/lanes.h"
#include "ops/convolution/cpu/grouped/tiles.h"

#include <omp.h>

#define TILE_FLOATS ((size_t)65536) // of what is read for a tile
#define TILE_ROWS ((size_t)8)       // that are worth narrower slabs: neighbours read rows again
#define MAX_SLAB ((size_t)64)
#define MIN_SLAB ((size_t)16) // a cache line

bool grouped_suits(const struct convolution_shape *shape) {
    const size_t width = shape->channels / shape->groups;
    return shape->groups > 1 && shape->channels == shape->out_channels &&
           shape->channels % 8 == 0 &&
           (width == 1 || width == 4 || width == 8 || width == 16 || width == 32 || width == 64);
}

// ---- tiles

// The rows of a tile that fit.
static size_t rows_that_fit(const struct grouped_plan *plan) {
    const struct direct_plan *direct = &plan->direct;
    const size_t lines = TILE_FLOATS / (grouped_row_floats(plan, grouped_widest(plan)) + 1);
    return lines > direct->window_height ? (lines - direct->window_height) / direct->stride_y + 1
                                         : 1;
}

static bool slab_is_wide(const struct grouped_plan *plan) {
    const size_t rows = plan->direct.rows < TILE_ROWS ? plan->direct.rows : TILE_ROWS;
    return rows_that_fit(plan) < rows;
}

void grouped_plan_tiles(struct grouped_plan *plan, const struct convolution_shape *shape) {
    const struct direct_plan *direct = &plan->direct;
    plan->width = shape->channels / shape->groups;
    plan->lanes = cpu_level() >= CPU_AVX512 && direct->channels % 16 == 0 ? 16 : 8;
    plan->slab = MAX_SLAB;
    plan->rows = 1;
    if (direct->rows == 0 || direct->columns == 0) {
        return;
    }
    while (plan->slab > MIN_SLAB && plan->slab > plan->width && slab_is_wide(plan)) {
        plan->slab /= 2;
    }
    const size_t most = rows_that_fit(plan);
    const size_t tiles = (direct->rows + most - 1) / most;
    plan->rows = (direct->rows + tiles - 1) / tiles;
}

// ---- weights

size_t grouped_weights_size(const struct grouped_plan *plan) {
    return plan->direct.window_height * plan->direct.window_width * plan->width *
           plan->direct.channels;
}

void grouped_pack_weights(const struct grouped_plan *plan, const float *weights, float *packed) {
    const struct taps *taps = &plan->taps;
    const struct direct_plan *direct = &plan->direct;
    const size_t of_group =
        plan->width * (taps->out_step > taps->in_step ? taps->out_step : taps->in_step);
    for (size_t first = 0; first < direct->channels; first += plan->lanes) {
        for (size_t y = 0; y < direct->window_height; y++) {
            for (size_t x = 0; x < direct->window_width; x++) {
                const ptrdiff_t tap =
                    (taps->first_y + (ptrdiff_t)y * taps->each) * (ptrdiff_t)taps->side +
                    taps->first_x + (ptrdiff_t)x * taps->each;
                for (size_t i = 0; i < plan->width; i++) {
                    for (size_t lane = 0; lane < plan->lanes; lane++) {
                        const size_t channel = first + lane;
                        *packed++ = weights[channel / plan->width * of_group +
                                            channel % plan->width * taps->out_step +
                                            i * taps->in_step + (size_t)tap];
                    }
                }
            }
        }
    }
}

// ---- the pass

size_t grouped_workspace(const struct grouped_plan *plan) {
    const struct direct_plan *direct = &plan->direct;
    if (direct->rows == 0 || direct->columns == 0) {
        return 0;
    }
    const size_t output = direct->precision == PRECISION_F32
                              ? 0
                              : plan->rows * direct->columns * grouped_widest(plan);
    return (size_t)direct->threads * (workspace_part(grouped_input_floats(plan) * sizeof(float)) +
                                      workspace_part(output * sizeof(float)));
}

// All vectors of a tile, whose inputs lie in `floats`.
static void convolve_vectors(const struct grouped_plan *plan, const struct grouped_tile *tile,
                             const float *floats, const float *weights, struct epilogue epilogue,
                             float *output, size_t out_row, size_t out_pixel) {
    const struct direct_plan *direct = &plan->direct;
    const size_t window = direct->window_height * direct->window_width;
    struct grouped_lanes job = {.width = plan->width,
                                .rows = tile->rows,
                                .columns = direct->columns,
                                .window_height = direct->window_height,
                                .window_width = direct->window_width,
                                .tap_row = grouped_row_floats(plan, tile->channels),
                                .tap = tile->channels,
                                .pixel = direct->stride_x * tile->channels,
                                .sum = epilogue.sum,
                                .relu = epilogue.relu,
                                .out_row = out_row,
                                .out_pixel = out_pixel};
    job.row = direct->stride_y * job.tap_row;
    for (size_t c = 0; c < tile->channels; c += plan->lanes) {
        job.input = floats + (plan->width > plan->lanes ? c / plan->width * plan->width : c);
        job.weights = weights + (tile->channel + c) * plan->width * window;
        job.bias = epilogue.bias == NULL ? NULL : epilogue.bias + tile->channel + c;
        job.output = output + c;
        grouped_convolve_lanes(plan->lanes, &job);
    }
}

static void convolve_tile(const struct grouped_plan *plan, const struct grouped_tile *tile,
                          const void *input, const float *weights, struct epilogue epilogue,
                          void *output, size_t first, float *workspace) {
    const struct direct_plan *direct = &plan->direct;
    const size_t start =
        first + tile->image * direct->out_image + tile->row * direct->out_row + tile->channel;
    grouped_read_input(plan, tile, input, workspace);
    if (direct->precision == PRECISION_F32) {
        convolve_vectors(plan, tile, workspace, weights, epilogue, (float *)output + start,
                         direct->out_row, direct->out_pixel);
        return;
    }
    float *floats =
        workspace + workspace_part(grouped_input_floats(plan) * sizeof(float)) / sizeof(float);
    const size_t of_row = direct->columns * tile->channels;
    for (size_t y = 0; epilogue.sum && y < tile->rows; y++) {
        grouped_read_pixels(direct->precision, output, start + y * direct->out_row,
                            direct->out_pixel, direct->columns, tile->channels,
                            floats + y * of_row);
    }
    convolve_vectors(plan, tile, workspace, weights, epilogue, floats, of_row, tile->channels);
    for (size_t y = 0; y < tile->rows; y++) {
        grouped_write_pixels(direct->precision, output, start + y * direct->out_row,
                             direct->out_pixel, direct->columns, tile->channels,
                             floats + y * of_row);
    }
}

void grouped_convolve(const struct grouped_plan *plan, const void *input, const float *weights,
                      struct epilogue epilogue, void *output, size_t first, void *workspace) {
    const struct direct_plan *direct = &plan->direct;
    if (direct->rows == 0 || direct->columns == 0) {
        return;
    }
    const size_t row_tiles = grouped_row_tiles(plan);
    const size_t slabs = grouped_slabs(plan);
    const size_t floats = grouped_workspace(plan) / (size_t)direct->threads / sizeof(float);
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(direct->threads)
    for (size_t rows = 0; rows < row_tiles; rows++) {
        for (size_t slab = 0; slab < slabs; slab++) {
            const struct grouped_tile tile = grouped_tile_at(plan, rows, slab);
            convolve_tile(plan, &tile, input, weights, epilogue, output, first,
                          (float *)workspace + (size_t)omp_get_thread_num() * floats);
        }
    }
}
