// add and add_scaled on the CPU.
#include "backend/cpu/cpu.h"
#include "core/simd.h"
#include "ops/cpu_sums.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

struct state {
    size_t images, pixels, channels; // pixels of one image
    size_t block, blocks;            // pixels worked on at once; how often, in one image
    bool broadcast, scaled;
    enum precision precision;
    int threads;
};

static bool plan_add(struct kernel_plan *plan, bool scaled, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct shape other = plan_input_shape(plan, 1);
    struct state *state = malloc(sizeof *state);
    if (state == NULL || shape.c > CPU_BLOCK) {
        free(state);
        return fail(error, "no memory, or more channels than %d", CPU_BLOCK);
    }
    *state = (struct state){.images = shape.n,
                            .pixels = shape.h * shape.w,
                            .channels = shape.c,
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

// Some pixels of one image: b's lie at `b` (all, or the one that goes to all).
struct part {
    size_t image, first, count; // numbers before, and in, the part
    const float *b;
    float of_b[CPU_BLOCK];
};

static void find_part(const struct state *state, const struct call *call, size_t number,
                      bool reads_b, struct part *part) {
    const size_t pixel = number % state->blocks * state->block;
    const size_t left = state->pixels - pixel;
    const size_t pixels = left < state->block ? left : state->block;
    part->image = number / state->blocks;
    part->first = (part->image * state->pixels + pixel) * state->channels;
    part->count = pixels * state->channels;
    if (reads_b) {
        part->b =
            state->broadcast
                ? cpu_read(state->precision, call->in[1], part->image * state->channels,
                           state->channels, part->of_b)
                : cpu_read(state->precision, call->in[1], part->first, part->count, part->of_b);
    }
}

VECTORISED static void add_everywhere(const float *b, float weight, size_t count, size_t channels,
                                      float *sum) {
    for (size_t at = 0; at < count; at += channels) {
        for (size_t c = 0; c < channels; c++) {
            sum[at + c] += weight * b[c];
        }
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const float weight = state->scaled ? *call->parameter[0] : 1.0F;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t number = 0; number < state->images * state->blocks; number++) {
        struct part part;
        float temporary[CPU_BLOCK];
        float of_a[CPU_BLOCK];
        find_part(state, call, number, true, &part);
        const float *a = cpu_read(state->precision, call->in[0], part.first, part.count, of_a);
        float *out =
            state->precision == PRECISION_F32 ? (float *)call->out + part.first : temporary;
        if (out != a) {
            memcpy(out, a, part.count * sizeof *out);
        }
        if (state->broadcast) {
            add_everywhere(part.b, weight, part.count, state->channels, out);
        } else {
            cpu_add_multiple(part.b, weight, part.count, out);
        }
        cpu_write(state->precision, call->out, part.first, part.count, out);
    }
}

// ---- backward

static void add_gradient(const struct state *state, const struct call *call, int input,
                         const struct part *part, const float *dy, float weight) {
    float temporary[CPU_BLOCK];
    if (call->in_gradient[input] == call->out_gradient || call->in_gradient[input] == NULL) {
        return; // it is there already
    }
    float *to = cpu_target(state->precision, call->in_gradient[input], part->first, part->count,
                           call->add[input], temporary);
    cpu_add_multiple(dy, weight, part->count, to);
    cpu_write(state->precision, call->in_gradient[input], part->first, part->count, to);
}

// The product of dy and b, and dy's sums over pixels, as this part's share of both.
static void part_sums(const struct state *state, const struct part *part, const float *dy,
                      double *product, double *sums) {
    *product = 0;
    memset(sums, 0, state->channels * sizeof *sums);
    for (size_t at = 0; at < part->count; at += state->channels) {
        for (size_t c = 0; c < state->channels; c++) {
            sums[c] += dy[at + c];
            if (state->scaled) {
                *product += (double)dy[at + c] * part->b[state->broadcast ? c : at + c];
            }
        }
    }
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
    const size_t parts = state->images * state->blocks;
    double *products = call->scratch;
    double *sums = products + parts;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t number = 0; number < parts; number++) {
        struct part part;
        float of_dy[CPU_BLOCK];
        find_part(state, call, number, state->scaled, &part);
        const float *dy =
            cpu_read(state->precision, call->out_gradient, part.first, part.count, of_dy);
        if (state->scaled || state->broadcast) {
            part_sums(state, &part, dy, &products[number], sums + number * state->channels);
        }
        if (!state->broadcast) {
            add_gradient(state, call, 1, &part, dy, weight);
        }
        add_gradient(state, call, 0, &part, dy, 1.0F);
    }
    if (state->broadcast && call->in_gradient[1] != NULL) {
        write_broadcast(state, call, sums, weight);
    }
    double product = 0;
    for (size_t number = 0; state->scaled && number < parts; number++) {
        product += products[number];
    }
    if (state->scaled) {
        *call->gradient[0] += (float)product;
    }
}

const struct kernel add_cpu = {plan, forward, backward, free, NULL};
const struct kernel add_scaled_cpu = {plan_scaled, forward, backward, free, NULL};
