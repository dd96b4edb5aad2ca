// norm on the CPU. Rows are pixels. Statistics are of float32 blocks with their own means, brought
// together in float64 (Chan, Golub, LeVeque 1979), in an order that threads do not change. What
// float32 leaves of a mean is kept as a correction: over two pixels 1 / deviation may be 300.
#include "backend/cpu/cpu.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"
#include "ops/norm/formula.h"
#include "ops/norm/norm.h"
#include "ops/norm/rows.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHUNKS 64
#define WIDE 64  // channels that loops over a row are worth their start for,
#define MANY 512 // with so many pixels

// Narrow rows are taken several at once, as if they were one of so many channels: `strands` of
// `own` channels each, which are brought together where a channel's sums are finished.
struct state {
    size_t rows, channels;
    size_t own, strands;
    size_t block;         // rows worked on at once
    size_t chunks, chunk; // chunks of so many rows: what a thread takes
    enum precision precision;
    bool relu, residual;
    double momentum;
    int threads;
};

static struct normal saved_normal(const struct state *state, const struct call *call) {
    float *saved = call->saved;
    return (struct normal){saved, saved + state->channels, saved + 2 * state->channels};
}

static struct sums chunk_sums(const struct state *state, void *scratch, size_t chunk) {
    double *sums = (double *)scratch + chunk * 2 * state->channels;
    return (struct sums){sums, sums + state->channels};
}

// Memory for four floats a channel.
static float *behind_sums(const struct state *state, void *scratch) {
    void *memory = (char *)scratch + state->chunks * 2 * state->channels * sizeof(double);
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
    const size_t block = NORM_BLOCK / channels;
    const size_t blocks = (rows + block - 1) / block;
    const size_t per_chunk = (blocks + MAX_CHUNKS - 1) / MAX_CHUNKS;
    *state = (struct state){.rows = rows,
                            .channels = channels,
                            .own = shape.c,
                            .strands = strands,
                            .block = block,
                            .chunks = (blocks + per_chunk - 1) / per_chunk,
                            .chunk = per_chunk * block,
                            .precision = plan->backend->precision,
                            .relu = attributes->relu,
                            .residual = residual,
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

static void statistics_of_chunk(const struct state *state, const struct call *call, size_t chunk) {
    const struct sums sums = chunk_sums(state, call->scratch, chunk);
    const size_t first = chunk * state->chunk;
    const size_t end = first + state->chunk < state->rows ? first + state->chunk : state->rows;
    float temporary[NORM_BLOCK];
    memset(sums.first, 0, 2 * state->channels * sizeof *sums.first);
    for (size_t row = first; row < end; row += state->block) {
        const size_t rows = end - row < state->block ? end - row : state->block;
        const float *x = cpu_read(state->precision, call->in[0], row * state->channels,
                                  rows * state->channels, temporary);
        norm_join_block(x, rows, state->channels, row - first, sums);
    }
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
        for (size_t c = channel; c < state->channels; c += state->own) {
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
    const size_t channels = state->channels;
    float *scale = behind_sums(state, call->scratch);
    float *shift = scale + channels;
    if (call->mode == RUN_FORWARD) {
#pragma omp parallel for schedule(static) num_threads(state->threads)
        for (size_t chunk = 0; chunk < state->chunks; chunk++) {
            statistics_of_chunk(state, call, chunk);
        }
        finish_statistics(state, call);
    }
    affine(state, call, scale, shift);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->rows; row += state->block) {
        const size_t rows = state->rows - row < state->block ? state->rows - row : state->block;
        const size_t offset = row * channels;
        float of_x[NORM_BLOCK];
        float of_residual[NORM_BLOCK];
        float of_y[NORM_BLOCK];
        const float *x = cpu_read(state->precision, call->in[0], offset, rows * channels, of_x);
        const float *residual = state->residual ? cpu_read(state->precision, call->in[1], offset,
                                                           rows * channels, of_residual)
                                                : NULL;
        float *y = state->precision == PRECISION_F32 ? (float *)call->out + offset : of_y;
        norm_apply(x, residual, rows, channels, call->saved, scale, shift, state->relu, y);
        cpu_write(state->precision, call->out, offset, rows * channels, y);
    }
}

// ---- backward

static void read_block(const struct state *state, const struct call *call, const float *scale,
                       const float *shift, size_t row, struct block *block) {
    const size_t channels = state->channels;
    float temporary[NORM_BLOCK];
    block->rows = state->rows - row < state->block ? state->rows - row : state->block;
    block->first = row * channels;
    const size_t count = block->rows * channels;
    block->x = cpu_read(state->precision, call->in[0], block->first, count, block->of_x);
    const float *dy =
        cpu_read(state->precision, call->out_gradient, block->first, count, temporary);
    if (!state->relu) {
        memcpy(block->dz, dy, count * sizeof *dy);
    } else if (state->residual) {
        float of_y[NORM_BLOCK];
        const float *y = cpu_read(state->precision, call->out, block->first, count, of_y);
        norm_mask_by_output(dy, y, count, block->dz);
    } else {
        norm_mask_by_input(dy, block->x, call->saved, scale, shift, block->rows, channels,
                           block->dz);
    }
}

// Gradients of scale and shift; what of them reaches every input: mean gradient and mean product.
static void finish_sums(const struct state *state, const struct call *call, float *mean_plain,
                        float *mean_product) {
    const double pixels = (double)(state->rows * state->strands);
    for (size_t channel = 0; channel < state->own; channel++) {
        double plain = 0;
        double product = 0;
        for (size_t chunk = 0; chunk < state->chunks; chunk++) {
            const struct sums sums = chunk_sums(state, call->scratch, chunk);
            for (size_t c = channel; c < state->channels; c += state->own) {
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

static void write_residual(const struct state *state, const struct call *call,
                           const struct block *block) {
    const size_t count = block->rows * state->channels;
    float temporary[NORM_BLOCK];
    float *to = cpu_target(state->precision, call->in_gradient[1], block->first, count,
                           call->add[1], temporary);
    for (size_t i = 0; i < count; i++) {
        to[i] += block->dz[i];
    }
    cpu_write(state->precision, call->in_gradient[1], block->first, count, to);
}

static void write_gradients(const struct state *state, const struct call *call,
                            const struct block *block, const struct factors *factors) {
    const size_t count = block->rows * state->channels;
    if (call->in_gradient[0] != NULL) {
        float temporary[NORM_BLOCK];
        float *dx = (float *)call->in_gradient[0] + block->first;
        if (state->precision != PRECISION_F32) {
            dx = temporary;
            if (call->add[0]) {
                (void)cpu_read(state->precision, call->in_gradient[0], block->first, count, dx);
            }
        }
        norm_input_gradient(block, factors, state->channels, call->add[0], dx);
        cpu_write(state->precision, call->in_gradient[0], block->first, count, dx);
    }
    if (state->residual && call->in_gradient[1] != NULL) {
        write_residual(state, call, block);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t channels = state->channels;
    float *scale = behind_sums(state, call->scratch);
    float *shift = scale + channels;
    float *mean_plain = shift + channels;
    float *mean_product = mean_plain + channels;
    const struct factors factors = {saved_normal(state, call), scale, mean_plain, mean_product};
    affine(state, call, scale, shift);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t chunk = 0; chunk < state->chunks; chunk++) {
        const struct sums sums = chunk_sums(state, call->scratch, chunk);
        const size_t first = chunk * state->chunk;
        const size_t end = first + state->chunk < state->rows ? first + state->chunk : state->rows;
        struct block block;
        memset(sums.first, 0, 2 * channels * sizeof *sums.first);
        for (size_t row = first; row < end; row += state->block) {
            read_block(state, call, scale, shift, row, &block);
            norm_add_block(&block, factors.normal, channels, sums);
        }
    }
    finish_sums(state, call, mean_plain, mean_product);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->rows; row += state->block) {
        struct block block;
        read_block(state, call, scale, shift, row, &block);
        write_gradients(state, call, &block, &factors);
    }
}

const struct kernel norm_cpu = {plan, forward, backward, free, NULL};
const struct kernel norm_residual_cpu = {plan_residual, forward, backward, free, NULL};
