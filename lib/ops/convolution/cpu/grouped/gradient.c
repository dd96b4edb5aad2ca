// The weights' gradient of a grouped convolution: sums over pairs of rows, in parts that do not
// depend on the threads, added up in their order.
#include "ops/convolution/cpu/grouped/blocks.h"
#include "ops/convolution/cpu/grouped/grouped.h"

#include "core/simd.h"

#include <omp.h>
#include <string.h>

#define MAX_LANES 16
#define MIN_ITEMS ((size_t)32)    // for threads: parts of the rows, times slabs of channels
#define SLAB_SUMS ((size_t)16384) // floats that stay in the second-level cache beside the rows
#define WIDE_SLAB ((size_t)64)

// The plan with slabs of so many channels as leave their sums in the cache; so there are also fewer
// parts to join where weights are many. Whole groups, and whole lines of the cache.
static struct phase_plan sums_plan(const struct phase_plan *plan) {
    struct phase_plan own = *plan;
    const size_t of_channel = plan->window_height * plan->window_width * plan->group_width;
    const size_t fit = SLAB_SUMS / of_channel;
    const size_t least = plan->group_width > MAX_LANES ? plan->group_width : MAX_LANES;
    const size_t unit = fit > WIDE_SLAB ? WIDE_SLAB : least;
    const size_t slab = fit > unit ? fit / unit * unit : unit;
    own.slab = plan->slab < slab ? plan->slab : slab;
    return own;
}

static size_t parts_of(const struct phase_plan *plan) {
    const size_t slabs = grouped_slabs(plan);
    const size_t wanted = (MIN_ITEMS + slabs - 1) / slabs;
    const size_t pairs = plan->images * grouped_row_pairs(plan);
    return wanted < pairs ? wanted : pairs;
}

static size_t tile_bytes(const struct phase_plan *plan) {
    const struct grouped_layer layer = grouped_layer_of(plan);
    return workspace_part(grouped_tile_floats(plan->lanes, &layer) * sizeof(float));
}

static size_t sums_bytes(const struct phase_plan *plan) {
    return workspace_part(parts_of(plan) * grouped_weights_size(plan) * sizeof(float));
}

size_t grouped_gradient_workspace(const struct phase_plan *plan) {
    const struct phase_plan own = sums_plan(plan);
    return sums_bytes(&own) + (size_t)plan->threads * tile_bytes(plan);
}

static void add_block(const void *context, const struct grouped_block *block, float *tile) {
    const struct grouped_sums *job = context;
    job->lanes->sum(job, block, tile);
}

// The sums of `parts` parts, each `size` numbers after the one before, in so many lanes.
VECTORISED static void add_parts(const float *from, size_t parts, size_t size, size_t lanes,
                                 float *total) {
    for (size_t lane = 0; lane < lanes; lane++) {
        total[lane] = from[lane];
    }
    for (size_t part = 1; part < parts; part++) {
        for (size_t lane = 0; lane < lanes; lane++) {
            total[lane] += from[part * size + lane];
        }
    }
}

// Adds the parts' sums of one vector of channels to the gradient.
static void join_parts(const struct phase_plan *plan, const float *sums, size_t first,
                       float *gradient) {
    const size_t window = plan->window_height * plan->window_width;
    const size_t lanes = plan->lanes->lanes;
    const float *from = sums + first * plan->group_width * window;
    float total[MAX_LANES];
    for (size_t tap = 0; tap < window; tap++) {
        for (size_t i = 0; i < plan->group_width; i++, from += lanes) {
            float *to = gradient + first * plan->taps.out_step + i * plan->taps.in_step + tap;
            add_parts(from, parts_of(plan), grouped_weights_size(plan), lanes, total);
            for (size_t lane = 0; lane < lanes; lane++) {
                to[lane * plan->taps.out_step] += total[lane];
            }
        }
    }
}

void grouped_weight_gradient(const struct phase_plan *planned, const void *input,
                             const void *output_gradient, float *gradient, void *workspace) {
    const struct phase_plan own = sums_plan(planned);
    const struct phase_plan *plan = &own;
    const struct grouped_sums like = {.layer = grouped_layer_of(plan),
                                      .lanes = plan->lanes,
                                      .input = input,
                                      .output_gradient = output_gradient};
    const size_t of_image = grouped_row_pairs(plan);
    const size_t pairs = plan->images * of_image;
    const size_t parts = parts_of(plan);
    const size_t slabs = grouped_slabs(plan);
    const size_t size = grouped_weights_size(plan);
    float *sums = workspace;
    memset(sums, 0, parts * size * sizeof *sums);
#pragma omp parallel num_threads(plan->threads)
    {
        float *tile = sums + (sums_bytes(plan) + (size_t)omp_get_thread_num() * tile_bytes(plan)) /
                                 sizeof *sums;
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t slab = 0; slab < slabs; slab++) {
            for (size_t part = 0; part < parts; part++) {
                struct grouped_sums job = like;
                job.sums = sums + part * size;
                for (size_t i = part * pairs / parts; i < (part + 1) * pairs / parts; i++) {
                    const struct grouped_part rows = {i / of_image, i % of_image, slab, 0,
                                                      plan->rows};
                    grouped_each_block(plan, &rows, add_block, &job, tile);
                }
            }
        }
#pragma omp for schedule(static)
        for (size_t first = 0; first < plan->channels; first += plan->lanes->lanes) {
            join_parts(plan, sums, first, gradient);
        }
    }
}
