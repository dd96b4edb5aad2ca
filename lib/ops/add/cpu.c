// add and add_scaled on the CPU.
#include "backend/cpu/cpu.h"
#include "core/simd.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

struct state {
    size_t images, pixels, channels; // pixels of one image
    size_t row;                      // pixels of a row
    size_t block, blocks;            // pixels worked on at once; how often, in one image
    bool broadcast, scaled;
    enum precision precision;
    int threads;
};

static bool plan_add(struct kernel_plan *plan, bool scaled, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct shape other = plan_input_shape(plan, 1);
    struct state *state = cpu_state_alloc(sizeof *state, shape.c, CPU_BLOCK, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){.images = shape.n,
                            .pixels = shape.h * shape.w,
                            .channels = shape.c,
                            .row = shape.w,
                            .block = CPU_BLOCK / shape.c,
                            .broadcast = !shape_equal(shape, other),
                            .scaled = scaled,
                            .precision = plan_precision(plan, plan->node->output),
                            .threads = plan->backend->threads};
    state->blocks = (state->pixels + state->block - 1) / state->block;
    // Backward, a block each: the gradient's product with b, and its sums over pixels.
    plan->scratch = shape.n * state->blocks * (1 + shape.c) * sizeof(double);
    plan->state = state;
    return true;
}

static bool plan(struct kernel_plan *asked, struct error *error) {
    return plan_add(asked, false, error);
}

static bool plan_scaled(struct kernel_plan *asked, struct error *error) {
    return plan_add(asked, true, error);
}

// At most a block of pixels of one image: b's lie at `b` (all, or the one that goes to all).
struct pixel_block {
    size_t image, first, count; // numbers before, and in, the block
    const float *b;
    float of_b[CPU_BLOCK];
};

// An image's pixels from `pixel` on, before `end`.
static void find_pixels(const struct state *state, const struct call *call, size_t image,
                        size_t pixel, size_t end, bool reads_b, struct pixel_block *block) {
    const size_t pixels = end - pixel < state->block ? end - pixel : state->block;
    block->image = image;
    block->first = (block->image * state->pixels + pixel) * state->channels;
    block->count = pixels * state->channels;
    if (reads_b) {
        block->b =
            state->broadcast
                ? cpu_read(state->precision, call->in[1], block->image * state->channels,
                           state->channels, block->of_b)
                : cpu_read(state->precision, call->in[1], block->first, block->count, block->of_b);
    }
}

static void find_block(const struct state *state, const struct call *call, size_t index,
                       bool reads_b, struct pixel_block *block) {
    find_pixels(state, call, index / state->blocks, index % state->blocks * state->block,
                state->pixels, reads_b, block);
}

VECTORISED static void add_everywhere(const float *b, float weight, size_t count, size_t channels,
                                      float *sum) {
    if (channels == 1) {
        for (size_t i = 0; i < count; i++) {
            sum[i] += weight * b[0];
        }
        return;
    }
    for (size_t offset = 0; offset < count; offset += channels) {
        for (size_t c = 0; c < channels; c++) {
            sum[offset + c] += weight * b[c];
        }
    }
}

static void forward_block(const struct state *state, const struct call *call,
                          const struct pixel_block *block) {
    const float weight = state->scaled ? *call->parameter[0] : 1.0F;
    float temporary[CPU_BLOCK];
    const float *a = cpu_read(state->precision, call->in[0], block->first, block->count, temporary);
    float *out = state->precision == PRECISION_F32 ? (float *)call->out + block->first : temporary;
    if (out != a) {
        memcpy(out, a, block->count * sizeof *out);
    }
    if (state->broadcast) {
        add_everywhere(block->b, weight, block->count, state->channels, out);
    } else {
        cpu_add_multiple(block->b, weight, block->count, out);
    }
    cpu_write(state->precision, call->out, block->first, block->count, out);
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < state->images * state->blocks; index++) {
        struct pixel_block block;
        find_block(state, call, index, true, &block);
        forward_block(state, call, &block);
    }
}

// All of b where it goes to all.
static struct row_span reads(const struct graph *graph, const struct node *node, int input,
                             struct row_span rows) {
    const size_t height = graph_shape(graph, node->inputs[input]).h;
    return height < graph_shape(graph, node->output).h ? (struct row_span){0, height} : rows;
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    const size_t end = rows.end * state->row;
    for (size_t pixel = rows.first * state->row; pixel < end; pixel += state->block) {
        struct pixel_block block;
        find_pixels(state, call, image, pixel, end, true, &block);
        forward_block(state, call, &block);
    }
}

// ---- backward

static void add_gradient(const struct state *state, const struct call *call, int input,
                         const struct pixel_block *block, const float *dy, float weight) {
    float temporary[CPU_BLOCK];
    if (call->in_gradient[input] == call->out_gradient || call->in_gradient[input] == NULL) {
        return; // it is there already
    }
    float *to = cpu_target(state->precision, call->in_gradient[input], block->first, block->count,
                           call->add[input], temporary);
    cpu_add_multiple(dy, weight, block->count, to);
    cpu_write(state->precision, call->in_gradient[input], block->first, block->count, to);
}

// dy's sums over a block's pixels.
VECTORISED static void sum_pixels(const float *dy, size_t count, size_t channels, double *sums) {
    memset(sums, 0, channels * sizeof *sums);
    for (size_t offset = 0; offset < count; offset += channels) {
        for (size_t c = 0; c < channels; c++) {
            sums[c] += dy[offset + c];
        }
    }
}

#define LANES 16 // sums that do not wait for each other

// The product of dy and b, `count` numbers each.
VECTORISED static double product_of(const float *dy, const float *b, size_t count) {
    double sums[LANES] = {0};
    double sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            sums[lane] += (double)dy[i + lane] * b[i + lane];
        }
    }
    for (; i < count; i++) {
        sum += (double)dy[i] * b[i];
    }
    for (size_t lane = 0; lane < LANES; lane++) {
        sum += sums[lane];
    }
    return sum;
}

// The product of a block's dy and b; where b goes to all pixels, by dy's sums over them.
static double block_product(const struct state *state, const struct pixel_block *block,
                            const float *dy, const double *sums) {
    if (!state->broadcast) {
        return product_of(dy, block->b, block->count);
    }
    double product = 0;
    for (size_t c = 0; c < state->channels; c++) {
        product += sums[c] * block->b[c];
    }
    return product;
}

static void write_broadcast(const struct state *state, const struct call *call, const double *sums,
                            float weight) {
    for (size_t image = 0; image < state->images; image++) {
        float temporary[CPU_BLOCK];
        float *to = cpu_target(state->precision, call->in_gradient[1], image * state->channels,
                               state->channels, call->add[1], temporary);
        for (size_t c = 0; c < state->channels; c++) {
            double sum = 0;
            for (size_t i = 0; i < state->blocks; i++) {
                sum += sums[(image * state->blocks + i) * state->channels + c];
            }
            to[c] += (float)(sum * weight);
        }
        cpu_write(state->precision, call->in_gradient[1], image * state->channels, state->channels,
                  to);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const float weight = state->scaled ? *call->parameter[0] : 1.0F;
    const size_t blocks = state->images * state->blocks;
    double *products = call->scratch;
    double *sums = products + blocks;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < blocks; index++) {
        struct pixel_block block;
        float of_dy[CPU_BLOCK];
        find_block(state, call, index, state->scaled, &block);
        const float *dy =
            cpu_read(state->precision, call->out_gradient, block.first, block.count, of_dy);
        double *own_sums = sums + index * state->channels;
        if (state->broadcast) {
            sum_pixels(dy, block.count, state->channels, own_sums);
        }
        if (state->scaled) {
            products[index] = block_product(state, &block, dy, own_sums);
        }
        if (!state->broadcast) {
            add_gradient(state, call, 1, &block, dy, weight);
        }
        add_gradient(state, call, 0, &block, dy, 1.0F);
    }
    if (state->broadcast && call->in_gradient[1] != NULL) {
        write_broadcast(state, call, sums, weight);
    }
    double product = 0;
    for (size_t index = 0; state->scaled && index < blocks; index++) {
        product += products[index];
    }
    if (state->scaled) {
        *call->gradient[0] += (float)product;
    }
}

const struct row_kernel add_rows = {NULL, reads, forward_rows};
const struct row_kernel add_scaled_rows = {NULL, reads, forward_rows};
const struct kernel add_cpu = {plan, forward, backward, free, NULL};
const struct kernel add_scaled_cpu = {plan_scaled, forward, backward, free, NULL};
