// norm on the CPU. Rows are pixels. Statistics are of float32 blocks with their own means, brought
// together in float64 (Chan, Golub, LeVeque 1979), in an order that threads do not change. What
// float32 leaves of a mean is kept as a correction: over two pixels 1 / deviation may be 300.
#include "core/numbers/size.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"
#include "ops/norm/blocks.h"
#include "ops/norm/formula.h"
#include "ops/norm/norm.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHUNKS 64
#define SHORT 4096
#define MIN_ROWS ((size_t)8)
#define WIDE 64  // channels that loops over a row are worth their start for,
#define MANY 512 // with so many pixels

// Narrow rows are taken several at once, as if they were one of so many channels: `strands` of
// `own` channels each, which are brought together where a channel's sums are finished.
struct state {
    struct norm_layout layout;
    size_t rows;
    size_t own, strands;
    size_t block;         // rows worked on at once
    size_t chunks, chunk; // chunks of so many rows: what a thread takes
    double momentum;
    int threads;
};

static struct normal saved_normal(const struct state *state, const struct call *call) {
    float *saved = call->saved;
    return (struct normal){saved, saved + state->layout.channels,
                           saved + 2 * state->layout.channels};
}

static struct sums chunk_sums(const struct state *state, void *scratch, size_t chunk) {
    double *sums = (double *)scratch + chunk * 2 * state->layout.channels;
    return (struct sums){sums, sums + state->layout.channels};
}

// Memory for four floats a channel.
static float *behind_sums(const struct state *state, void *scratch) {
    void *memory = (char *)scratch + state->chunks * 2 * state->layout.channels * sizeof(double);
    return memory;
}

static size_t strands_of(size_t pixels, size_t channels) {
    size_t strands = 1;
    while (2 * strands * channels <= WIDE && pixels % (2 * strands) == 0 && pixels >= MANY) {
        strands *= 2;
    }
    return strands;
}

// Gives every strand what its channel has: `numbers` holds the first one's.
static void repeat_strands(const struct state *state, float *numbers) {
    for (size_t strand = 1; strand < state->strands; strand++) {
        memcpy(numbers + strand * state->own, numbers, state->own * sizeof *numbers);
    }
}

// Rows of a block: of bf16 so few that they stay in the first-level cache.
static size_t norm_block(enum precision precision, size_t channels) {
    const size_t few = precision == PRECISION_F32 ? NORM_BLOCK : SHORT;
    return few / channels > MIN_ROWS ? few / channels : size_min(NORM_BLOCK / channels, MIN_ROWS);
}

static bool plan_norm(struct kernel_plan *plan, bool residual, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct norm_attributes *attributes = plan->node->attributes;
    struct state *state = cpu_state_alloc(sizeof *state, shape.c, NORM_BLOCK, error);
    if (state == NULL) {
        return false;
    }
    const size_t pixels = shape.n * shape.h * shape.w;
    const size_t strands = strands_of(pixels, shape.c);
    const size_t rows = pixels / strands;
    const size_t channels = shape.c * strands;
    const size_t block = norm_block(plan->backend->precision, channels);
    const size_t blocks = (rows + block - 1) / block;
    const size_t per_chunk = (blocks + MAX_CHUNKS - 1) / MAX_CHUNKS;
    *state =
        (struct state){.layout = {channels, plan->backend->precision, attributes->relu, residual},
                       .rows = rows,
                       .own = shape.c,
                       .strands = strands,
                       .block = block,
                       .chunks = (blocks + per_chunk - 1) / per_chunk,
                       .chunk = per_chunk * block,
                       .momentum = attributes->momentum,
                       .threads = plan->backend->threads};
    plan->scratch = state->chunks * 2 * channels * sizeof(double) + 4 * channels * sizeof(float);
    plan->saved = 3 * channels * sizeof(float);
    plan->state = state;
    return true;
}

static bool plan(struct kernel_plan *asked, struct error *error) {
    return plan_norm(asked, false, error);
}

static bool plan_residual(struct kernel_plan *asked, struct error *error) {
    return plan_norm(asked, true, error);
}

// ---- forward

static size_t end_of(const struct state *state, size_t first, size_t rows) {
    return first + rows < state->rows ? first + rows : state->rows;
}

// A part of a channel's numbers: mean, sum of squared differences from it, and how many.
struct moments {
    double mean, squares, count;
};

static void join_moments(struct moments *all, const struct moments *more) {
    const double apart = more->mean - all->mean;
    const double count = all->count + more->count;
    all->mean += apart * more->count / count;
    all->squares += more->squares + apart * apart * all->count * more->count / count;
    all->count = count;
}

static struct moments channel_moments(const struct state *state, const struct call *call,
                                      size_t channel) {
    struct moments all = {0, 0, 0};
    for (size_t chunk = 0; chunk < state->chunks; chunk++) {
        const struct sums sums = chunk_sums(state, call->scratch, chunk);
        const size_t left = state->rows - chunk * state->chunk;
        for (size_t c = channel; c < state->layout.channels; c += state->own) {
            const struct moments here = {sums.first[c], sums.second[c],
                                         (double)(left < state->chunk ? left : state->chunk)};
            join_moments(&all, &here);
        }
    }
    return all;
}

// The batch's statistics into call->saved; running ones follow.
static void finish_statistics(const struct state *state, const struct call *call) {
    const struct normal normal = saved_normal(state, call);
    for (size_t c = 0; c < state->own; c++) {
        const struct moments all = channel_moments(state, call, c);
        const struct norm_channel channel =
            norm_statistics(all.mean, all.squares, all.count, state->momentum,
                            &call->parameter[NORM_MEAN][c], &call->parameter[NORM_VARIANCE][c]);
        normal.mean[c] = channel.mean;
        normal.inverse[c] = channel.inverse;
        normal.rest[c] = channel.rest;
    }
    repeat_strands(state, normal.mean);
    repeat_strands(state, normal.inverse);
    repeat_strands(state, normal.rest);
}

// scale and shift such that the norm is (x - mean) * scale + shift.
static void affine(const struct state *state, const struct call *call, float *scale, float *shift) {
    const struct normal normal = saved_normal(state, call);
    for (size_t c = 0; c < state->own; c++) {
        scale[c] = call->parameter[NORM_SCALE][c] * normal.inverse[c];
        shift[c] = norm_offset(call->parameter[NORM_SHIFT][c], call->parameter[NORM_SCALE][c],
                               normal.rest[c]);
    }
    repeat_strands(state, scale);
    repeat_strands(state, shift);
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    float *scale = behind_sums(state, call->scratch);
    float *shift = scale + state->layout.channels;
    if (call->mode == RUN_FORWARD) {
#pragma omp parallel for schedule(static) num_threads(state->threads)
        for (size_t chunk = 0; chunk < state->chunks; chunk++) {
            const size_t first = chunk * state->chunk;
            norm_rows_statistics(&state->layout, call, first, end_of(state, first, state->chunk),
                                 state->block, chunk_sums(state, call->scratch, chunk));
        }
        finish_statistics(state, call);
    }
    affine(state, call, scale, shift);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->rows; row += state->block) {
        norm_write_output(&state->layout, call, row, end_of(state, row, state->block) - row,
                          (struct norm_affine){call->saved, scale, shift});
    }
}

// ---- backward

// Gradients of scale and shift; what of them reaches every input: mean gradient and mean product.
static void finish_sums(const struct state *state, const struct call *call, float *mean_plain,
                        float *mean_product) {
    const double pixels = (double)(state->rows * state->strands);
    for (size_t channel = 0; channel < state->own; channel++) {
        double plain = 0;
        double product = 0;
        for (size_t chunk = 0; chunk < state->chunks; chunk++) {
            const struct sums sums = chunk_sums(state, call->scratch, chunk);
            for (size_t c = channel; c < state->layout.channels; c += state->own) {
                plain += sums.first[c];
                product += sums.second[c];
            }
        }
        call->gradient[NORM_SCALE][channel] += (float)product;
        call->gradient[NORM_SHIFT][channel] += (float)plain;
        mean_plain[channel] = (float)(plain / pixels);
        mean_product[channel] = (float)(product / pixels);
    }
    repeat_strands(state, mean_plain);
    repeat_strands(state, mean_product);
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t channels = state->layout.channels;
    float *scale = behind_sums(state, call->scratch);
    float *shift = scale + channels;
    float *mean_plain = shift + channels;
    float *mean_product = mean_plain + channels;
    const struct factors factors = {saved_normal(state, call), NULL, scale, mean_plain,
                                    mean_product};
    const struct norm_affine applied = {call->saved, scale, shift};
    affine(state, call, scale, shift);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t chunk = 0; chunk < state->chunks; chunk++) {
        const struct sums sums = chunk_sums(state, call->scratch, chunk);
        const size_t first = chunk * state->chunk;
        const size_t end = end_of(state, first, state->chunk);
        memset(sums.first, 0, 2 * channels * sizeof *sums.first);
        for (size_t row = first; row < end; row += state->block) {
            const struct block block = norm_block_of(
                &state->layout, call, row, end_of(state, row, state->block) - row, applied);
            norm_add_block(&block, factors.normal, channels, sums);
        }
    }
    finish_sums(state, call, mean_plain, mean_product);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->rows; row += state->block) {
        struct block block = norm_block_of(&state->layout, call, row,
                                           end_of(state, row, state->block) - row, applied);
        norm_write_residual(&state->layout, call, &block);
        norm_write_input(&state->layout, call, &block, &factors);
    }
}

const struct kernel norm_cpu = {plan, forward, backward, free, NULL};
const struct kernel norm_residual_cpu = {plan_residual, forward, backward, free, NULL};
