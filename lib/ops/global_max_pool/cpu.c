// global_max_pool on the CPU: a thread takes some channels of an image. Saved: the pixel that each
// maximum came from.
#include "backend/cpu/cpu.h"
#include "ops/kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define CHANNELS 32 // worked on at once

struct state {
    size_t images, pixels, channels, groups;
    enum precision precision;
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){in.n,
                            in.h * in.w,
                            in.c,
                            (in.c + CHANNELS - 1) / CHANNELS,
                            plan->backend->precision,
                            plan->backend->threads};
    plan->saved = in.n * in.c * sizeof(uint32_t);
    plan->state = state;
    return true;
}

// Some channels of one image: offsets of the first, in its first pixel and in the output.
struct group {
    size_t first, output, count;
};

static struct group group_of(const struct state *state, size_t index) {
    const size_t image = index / state->groups;
    const size_t channel = index % state->groups * CHANNELS;
    const size_t left = state->channels - channel;
    return (struct group){image * state->pixels * state->channels + channel,
                          image * state->channels + channel, left < CHANNELS ? left : CHANNELS};
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < state->images * state->groups; index++) {
        const struct group group = group_of(state, index);
        uint32_t *from = (uint32_t *)call->saved + group.output;
        float maxima[CHANNELS];
        float temporary[CHANNELS];
        for (size_t c = 0; c < group.count; c++) {
            maxima[c] = -INFINITY;
            from[c] = 0;
        }
        for (size_t pixel = 0; pixel < state->pixels; pixel++) {
            const float *x =
                cpu_read(state->precision, call->in[0], group.first + pixel * state->channels,
                         group.count, temporary);
            for (size_t c = 0; c < group.count; c++) {
                from[c] = x[c] > maxima[c] ? (uint32_t)pixel : from[c];
                maxima[c] = x[c] > maxima[c] ? x[c] : maxima[c];
            }
        }
        float *out =
            cpu_target(state->precision, call->out, group.output, group.count, false, temporary);
        for (size_t c = 0; c < group.count; c++) {
            out[c] = maxima[c];
        }
        cpu_write(state->precision, call->out, group.output, group.count, out);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < state->images * state->groups; index++) {
        const struct group group = group_of(state, index);
        const uint32_t *from = (const uint32_t *)call->saved + group.output;
        float of_dy[CHANNELS];
        float temporary[CHANNELS];
        const float *dy =
            cpu_read(state->precision, call->out_gradient, group.output, group.count, of_dy);
        for (size_t pixel = 0; pixel < state->pixels; pixel++) {
            const size_t offset = group.first + pixel * state->channels;
            float *dx = cpu_target(state->precision, call->in_gradient[0], offset, group.count,
                                   call->add[0], temporary);
            for (size_t c = 0; c < group.count; c++) {
                dx[c] += from[c] == pixel ? dy[c] : 0;
            }
            cpu_write(state->precision, call->in_gradient[0], offset, group.count, dx);
        }
    }
}

const struct kernel global_max_pool_cpu = {plan, forward, backward, free, NULL};
