// Grouped convolution: slabs, weights by vectors, and the forward pass, which the input's gradient
// goes by as well.
#include "ops/convolution/cpu/grouped/grouped.h"

#include "ops/convolution/cpu/grouped/blocks.h"

#include <omp.h>
#include <stdatomic.h>

// Of a slab's weights, and of its rows that are read for a pair.
#define SLAB_BYTES ((size_t)400 << 10)
#define MIN_SLAB ((size_t)256) // pixels in smaller pieces are slow to come from memory
#define SLAB_UNIT ((size_t)64)

// An output of so many bytes is stored past the caches: the next layer would not find its beginning
// there anyway.
#define STREAMED_BYTES ((size_t)8 << 20)

// ---- planning

// Whether there is code for groups of that width, and channels make whole vectors.
static bool suits(const struct phase_plan *plan) {
    const size_t width = plan->group_width;
    return width < plan->channels && plan->channels == plan->out_channels &&
           plan->channels % 8 == 0 && plan->window_height <= GROUPED_WINDOW &&
           plan->window_width <= GROUPED_WINDOW &&
           (width == 1 || width == 4 || width == 8 || width == 16 || width == 32 || width == 64);
}

// As many channels as leave their weights and the rows that a pair and the next one read in the
// second-level cache: slabs of the same size, of whole vectors and groups.
static size_t slab_of(const struct phase_plan *plan) {
    const size_t rows = plan->window_height + (2 * GROUPED_ROWS - 1) * plan->stride_y;
    const size_t weights = plan->window_height * plan->window_width * plan->group_width;
    const size_t of_channel =
        rows * plan->width * precision_size(plan->precision) + weights * sizeof(float);
    const size_t fit = SLAB_BYTES / (of_channel + 1);
    const size_t most = fit > MIN_SLAB ? fit : MIN_SLAB;
    const size_t count = (plan->channels + most - 1) / most;
    const size_t slab = (plan->channels + count - 1) / count;
    return (slab + SLAB_UNIT - 1) / SLAB_UNIT * SLAB_UNIT;
}

bool grouped_complete(struct phase_plan *plan) {
    if (!suits(plan)) {
        return false;
    }
    plan->lanes = grouped_lanes_for(plan->channels);
    plan->slab = slab_of(plan);
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
    for (size_t first = 0; first < plan->channels; first += plan->lanes->lanes) {
        for (size_t y = 0; y < plan->window_height; y++) {
            for (size_t x = 0; x < plan->window_width; x++) {
                const ptrdiff_t tap =
                    (taps->first_y + (ptrdiff_t)y * taps->each) * (ptrdiff_t)taps->side +
                    taps->first_x + (ptrdiff_t)x * taps->each;
                for (size_t i = 0; i < plan->group_width; i++) {
                    for (size_t lane = 0; lane < plan->lanes->lanes; lane++) {
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

static size_t tile_bytes(const struct phase_plan *plan) {
    const struct grouped_layer layer = grouped_layer_of(plan);
    return workspace_part(grouped_tile_floats(plan->lanes, &layer) * sizeof(float));
}

size_t grouped_workspace(const struct phase_plan *plan) {
    return (size_t)plan->threads * tile_bytes(plan);
}

static void convolve_block(const void *context, const struct grouped_block *block, float *tile) {
    const struct grouped_convolution *job = context;
    job->lanes->convolve(job, block, tile);
}

// `whole`: the layer makes all of its output before the next one reads it.
static struct grouped_convolution job_of(const struct phase_job *phase, const void *input,
                                         struct epilogue epilogue, void *output, bool whole) {
    const struct phase_plan *plan = phase->plan;
    const size_t size = precision_size(plan->precision);
    const bool large = plan->images * plan->out_image * size >= STREAMED_BYTES;
    struct grouped_convolution job = {.layer = grouped_layer_of(plan),
                                      .lanes = plan->lanes,
                                      .input = input,
                                      .weights = phase->weights,
                                      .bias = epilogue.bias,
                                      .sum = epilogue.sum,
                                      .relu = epilogue.relu,
                                      .native_bf16 = grouped_native_bf16(plan->lanes),
                                      .output = (char *)output + phase->first * size};
    job.streams = whole && large && grouped_streams(plan->lanes, &job.layer, job.output);
    return job;
}

// Phases, each a pair of rows at a time: the first one has the most rows. They read the same rows.
static void convolve(const struct phase_job *phases, size_t count, const void *input,
                     struct epilogue epilogue, void *output, float *workspace) {
    const struct phase_plan *most = phases[0].plan;
    const size_t slabs = grouped_slabs(most);
    const size_t pairs = grouped_row_pairs(most);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes = workspace_for_either(bytes, tile_bytes(phases[i].plan));
    }
#pragma omp parallel for collapse(3) schedule(static) num_threads(most->threads)
    for (size_t slab = 0; slab < slabs; slab++) {
        for (size_t image = 0; image < most->images; image++) {
            for (size_t pair = 0; pair < pairs; pair++) {
                float *tile = workspace + (size_t)omp_get_thread_num() * bytes / sizeof *tile;
                for (size_t i = 0; i < count; i++) {
                    const struct grouped_convolution job =
                        job_of(&phases[i], input, epilogue, output, true);
                    struct phase_plan plan = *phases[i].plan;
                    plan.slab = most->slab;
                    if (pair < grouped_row_pairs(&plan)) {
                        const struct grouped_part part = {image, pair, slab, 0, plan.rows};
                        grouped_each_block(&plan, &part, convolve_block, &job, tile);
                    }
                }
                atomic_thread_fence(memory_order_seq_cst); // what is stored past the caches
            }
        }
    }
}

void grouped_convolve(const struct phase_plan *plan, const void *input, const float *weights,
                      struct epilogue epilogue, void *output, size_t first, void *workspace) {
    const struct phase_job phase = {plan, weights, first};
    convolve(&phase, 1, input, epilogue, output, workspace);
}

size_t grouped_row_workspace(const struct phase_plan *plan) {
    return tile_bytes(plan);
}

void grouped_convolve_rows(const struct phase_plan *plan, const void *input, const float *weights,
                           struct epilogue epilogue, void *output, struct convolution_rows rows,
                           void *workspace) {
    const struct phase_job phase = {plan, weights, 0};
    const struct grouped_convolution job = job_of(&phase, input, epilogue, output, false);
    for (size_t slab = 0; slab < grouped_slabs(plan); slab++) {
        for (size_t pair = rows.first / GROUPED_ROWS; pair * GROUPED_ROWS < rows.end; pair++) {
            const struct grouped_part part = {rows.image, pair, slab, rows.first, rows.end};
            grouped_each_block(plan, &part, convolve_block, &job, workspace);
        }
    }
}

void grouped_convolve_phases(const struct phase_job *jobs, size_t count,
                             const void *output_gradient, void *input_gradient, void *workspace) {
    convolve(jobs, count, output_gradient, (struct epilogue){.bias = NULL}, input_gradient,
             workspace);
}
