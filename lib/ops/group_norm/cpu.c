// group_norm on the CPU, image by image. Rows are pixels. Sums are made a channel and a chunk of
// rows each, as those of norm, and brought together a group each, in an order that threads do not
// change.
#include "ops/cpu_operation.h"
#include "ops/group_norm/group_norm.h"
#include "ops/kernels.h"
#include "ops/norm/blocks.h"
#include "ops/norm/formula.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHUNKS 64 // of all images, where there are no more images

struct state {
    struct norm_layout layout;
    size_t images, rows;  // rows of one image
    size_t groups, wide;  // groups of so many channels
    size_t block, blocks; // rows worked on at once, and how often in an image
    size_t chunks, chunk; // chunks of so many rows an image: what a thread takes
    int threads;
};

static bool plan_norm(struct kernel_plan *plan, bool residual, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct group_norm_attributes *attributes = plan->node->attributes;
    struct state *state = cpu_state_alloc(sizeof *state, shape.c, NORM_BLOCK, error);
    if (state == NULL) {
        return false;
    }
    const size_t rows = shape.h * shape.w;
    const size_t block = NORM_BLOCK / shape.c;
    const size_t blocks = (rows + block - 1) / block;
    const size_t most = shape.n < MAX_CHUNKS ? MAX_CHUNKS / shape.n : 1;
    const size_t per_chunk = (blocks + most - 1) / most;
    *state =
        (struct state){.layout = {shape.c, plan->backend->precision, attributes->relu, residual},
                       .images = shape.n,
                       .rows = rows,
                       .groups = attributes->groups,
                       .wide = shape.c / attributes->groups,
                       .block = block,
                       .blocks = blocks,
                       .chunks = (blocks + per_chunk - 1) / per_chunk,
                       .chunk = per_chunk * block,
                       .threads = plan->backend->threads};
    plan->scratch =
        state->images * shape.c * (state->chunks * 2 * sizeof(double) + 4 * sizeof(float));
    plan->saved = state->images * 3 * shape.c * sizeof(float);
    plan->state = state;
    return true;
}

static bool plan(struct kernel_plan *asked, struct error *error) {
    return plan_norm(asked, false, error);
}

static bool plan_residual(struct kernel_plan *asked, struct error *error) {
    return plan_norm(asked, true, error);
}

// ---- memory; what belongs to groups is held a channel each

static struct normal normal_of(const struct state *state, const struct call *call, size_t image) {
    float *saved = (float *)call->saved + image * 3 * state->layout.channels;
    return (struct normal){saved, saved + state->layout.channels,
                           saved + 2 * state->layout.channels};
}

// Chunks are numbered through all images.
static struct sums chunk_sums(const struct state *state, const struct call *call, size_t chunk) {
    double *sums = (double *)call->scratch + chunk * 2 * state->layout.channels;
    return (struct sums){sums, sums + state->layout.channels};
}

// Of one image: with `scale` and `shift` the norm is (x - mean) * scale + shift; the other two are
// of the backward pass, see factors.
struct line {
    float *scale, *shift, *mean_plain, *mean_product;
};

static struct line line_of(const struct state *state, const struct call *call, size_t image) {
    void *behind =
        (double *)call->scratch + state->images * state->chunks * 2 * state->layout.channels;
    float *first = (float *)behind + image * 4 * state->layout.channels;
    return (struct line){first, first + state->layout.channels, first + 2 * state->layout.channels,
                         first + 3 * state->layout.channels};
}

static struct norm_affine affine_of(const struct state *state, const struct call *call,
                                    size_t image) {
    const struct line line = line_of(state, call, image);
    return (struct norm_affine){normal_of(state, call, image).mean, line.scale, line.shift};
}

// A span of rows of one image, numbered through all images.
struct span {
    size_t image, first, end;
};

static struct span span_of(const struct state *state, size_t image, size_t part, size_t rows) {
    const size_t first = image * state->rows + part * rows;
    const size_t end = (image + 1) * state->rows;
    return (struct span){image, first, first + rows < end ? first + rows : end};
}

static struct span chunk_span(const struct state *state, size_t chunk) {
    return span_of(state, chunk / state->chunks, chunk % state->chunks, state->chunk);
}

static struct span block_span(const struct state *state, size_t block) {
    return span_of(state, block / state->blocks, block % state->blocks, state->block);
}

// ---- forward

// The group's mean and sum of squared differences from it, joined (Chan, Golub, LeVeque 1979).
static void join_group(const struct state *state, const struct call *call, size_t image,
                       size_t group, double *mean, double *squares) {
    double count = 0;
    *mean = *squares = 0;
    for (size_t chunk = 0; chunk < state->chunks; chunk++) {
        const struct sums sums = chunk_sums(state, call, image * state->chunks + chunk);
        const struct span span = span_of(state, image, chunk, state->chunk);
        const double rows = (double)(span.end - span.first);
        for (size_t c = group * state->wide; c < (group + 1) * state->wide; c++) {
            const double apart = sums.first[c] - *mean;
            *mean += apart * rows / (count + rows);
            *squares += sums.second[c] + apart * apart * count * rows / (count + rows);
            count += rows;
        }
    }
}

static void finish_statistics(const struct state *state, const struct call *call, size_t image,
                              size_t group) {
    const struct normal normal = normal_of(state, call, image);
    double mean;
    double squares;
    join_group(state, call, image, group, &mean, &squares);
    const struct norm_channel channel =
        norm_channel_of(mean, squares, (double)state->rows * (double)state->wide);
    for (size_t c = group * state->wide; c < (group + 1) * state->wide; c++) {
        normal.mean[c] = channel.mean;
        normal.inverse[c] = channel.inverse;
        normal.rest[c] = channel.rest;
    }
}

// Scale and shift of all images.
static void affine(const struct state *state, const struct call *call) {
    for (size_t image = 0; image < state->images; image++) {
        const struct normal normal = normal_of(state, call, image);
        const struct line line = line_of(state, call, image);
        for (size_t c = 0; c < state->layout.channels; c++) {
            const float scale = call->parameter[GROUP_NORM_SCALE][c];
            line.scale[c] = scale * normal.inverse[c];
            line.shift[c] =
                norm_offset(call->parameter[GROUP_NORM_SHIFT][c], scale, normal.rest[c]);
        }
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    if (call->mode == RUN_FORWARD) {
#pragma omp parallel for schedule(static) num_threads(state->threads)
        for (size_t chunk = 0; chunk < state->images * state->chunks; chunk++) {
            const struct span span = chunk_span(state, chunk);
            norm_rows_statistics(&state->layout, call, span.first, span.end, state->block,
                                 chunk_sums(state, call, chunk));
        }
#pragma omp parallel for schedule(static) num_threads(state->threads)
        for (size_t i = 0; i < state->images * state->groups; i++) {
            finish_statistics(state, call, i / state->groups, i % state->groups);
        }
    }
    affine(state, call);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t i = 0; i < state->images * state->blocks; i++) {
        const struct span span = block_span(state, i);
        norm_write_output(&state->layout, call, span.first, span.end - span.first,
                          affine_of(state, call, span.image));
    }
}

// ---- backward

static void gradients_of_chunk(const struct state *state, const struct call *call, size_t chunk) {
    const struct sums sums = chunk_sums(state, call, chunk);
    const struct span span = chunk_span(state, chunk);
    const struct norm_affine applied = affine_of(state, call, span.image);
    memset(sums.first, 0, 2 * state->layout.channels * sizeof *sums.first);
    for (size_t row = span.first; row < span.end; row += state->block) {
        const size_t rows = span.end - row < state->block ? span.end - row : state->block;
        const struct block block = norm_block_of(&state->layout, call, row, rows, applied);
        norm_add_block(&block, normal_of(state, call, span.image), state->layout.channels, sums);
    }
}

// Gradients of a group's scales and shifts; what of the images' gradients, times the scale, reaches
// every input of the group: mean gradient and mean product.
static void finish_group(const struct state *state, const struct call *call, size_t group) {
    const float *scale = call->parameter[GROUP_NORM_SCALE];
    const double numbers = (double)state->rows * (double)state->wide;
    for (size_t image = 0; image < state->images; image++) {
        const struct line line = line_of(state, call, image);
        double plain_of_group = 0;
        double product_of_group = 0;
        for (size_t c = group * state->wide; c < (group + 1) * state->wide; c++) {
            double plain = 0;
            double product = 0;
            for (size_t chunk = 0; chunk < state->chunks; chunk++) {
                const struct sums sums = chunk_sums(state, call, image * state->chunks + chunk);
                plain += sums.first[c];
                product += sums.second[c];
            }
            call->gradient[GROUP_NORM_SCALE][c] += (float)product;
            call->gradient[GROUP_NORM_SHIFT][c] += (float)plain;
            plain_of_group += scale[c] * plain;
            product_of_group += scale[c] * product;
        }
        for (size_t c = group * state->wide; c < (group + 1) * state->wide; c++) {
            line.mean_plain[c] = (float)(plain_of_group / numbers);
            line.mean_product[c] = (float)(product_of_group / numbers);
        }
    }
}

// norm_gradient of scale * dz, whose means are the group's, with the factor `inverse`.
static void write_input(const struct state *state, const struct call *call, size_t image,
                        const struct block *block) {
    const struct line line = line_of(state, call, image);
    const struct normal normal = normal_of(state, call, image);
    const struct factors factors = {normal, call->parameter[GROUP_NORM_SCALE], normal.inverse,
                                    line.mean_plain, line.mean_product};
    norm_write_input(&state->layout, call, block, &factors);
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    affine(state, call);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t chunk = 0; chunk < state->images * state->chunks; chunk++) {
        gradients_of_chunk(state, call, chunk);
    }
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t group = 0; group < state->groups; group++) {
        finish_group(state, call, group);
    }
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t i = 0; i < state->images * state->blocks; i++) {
        const struct span span = block_span(state, i);
        struct block block = norm_block_of(&state->layout, call, span.first, span.end - span.first,
                                           affine_of(state, call, span.image));
        norm_write_residual(&state->layout, call, &block);
        write_input(state, call, span.image, &block);
    }
}

const struct kernel group_norm_cpu = {plan, forward, backward, free, NULL};
const struct kernel group_norm_residual_cpu = {plan_residual, forward, backward, free, NULL};
