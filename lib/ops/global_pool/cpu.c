// global_pool on the CPU: a thread takes some channels of an image.
#include "backend/cpu/cpu.h"
#include "ops/kernels.h"

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
    plan->state = state;
    return true;
}

// Where a group of channels starts, and how many there are.
static size_t group_of(const struct state *state, size_t index, size_t *image, size_t *count) {
    const size_t channel = index % state->groups * CHANNELS;
    const size_t left = state->channels - channel;
    *image = index / state->groups;
    *count = left < CHANNELS ? left : CHANNELS;
    return channel;
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < state->images * state->groups; index++) {
        size_t image;
        size_t count;
        const size_t channel = group_of(state, index, &image, &count);
        double sums[CHANNELS] = {0};
        float temporary[CHANNELS];
        for (size_t pixel = 0; pixel < state->pixels; pixel++) {
            const size_t offset = (image * state->pixels + pixel) * state->channels + channel;
            const float *x = cpu_read(state->precision, call->in[0], offset, count, temporary);
            for (size_t c = 0; c < count; c++) {
                sums[c] += x[c];
            }
        }
        const size_t offset = image * state->channels + channel;
        float *out = cpu_target(state->precision, call->out, offset, count, false, temporary);
        for (size_t c = 0; c < count; c++) {
            out[c] = (float)(sums[c] / (double)state->pixels);
        }
        cpu_write(state->precision, call->out, offset, count, out);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const float share = 1.0F / (float)state->pixels;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < state->images * state->groups; index++) {
        size_t image;
        size_t count;
        const size_t channel = group_of(state, index, &image, &count);
        float of_dy[CHANNELS];
        float temporary[CHANNELS];
        const float *dy = cpu_read(state->precision, call->out_gradient,
                                   image * state->channels + channel, count, of_dy);
        for (size_t pixel = 0; pixel < state->pixels; pixel++) {
            const size_t offset = (image * state->pixels + pixel) * state->channels + channel;
            float *dx = cpu_target(state->precision, call->in_gradient[0], offset, count,
                                   call->add[0], temporary);
            for (size_t c = 0; c < count; c++) {
                dx[c] += share * dy[c];
            }
            cpu_write(state->precision, call->in_gradient[0], offset, count, dx);
        }
    }
}

const struct kernel global_pool_cpu = {plan, forward, backward, free, NULL};
