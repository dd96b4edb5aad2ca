// channel_gate on the CPU: a thread takes some channels of an image.
#include "backend/cpu/cpu.h"
#include "ops/channel_gate/channel_gate.h"
#include "ops/kernels.h"

#include <stdlib.h>

#define CHANNELS 32 // worked on at once

struct state {
    size_t images, pixels, channels, groups;
    float keep;
    enum precision precision;
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct channel_gate_attributes *attributes = plan->node->attributes;
    const struct shape in = plan_input_shape(plan, 0);
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){.images = in.n,
                            .pixels = in.h * in.w,
                            .channels = in.c,
                            .groups = (in.c + CHANNELS - 1) / CHANNELS,
                            .keep = attributes->keep ? 1.0F : 0.0F,
                            .precision = plan->backend->precision,
                            .threads = plan->backend->threads};
    plan->state = state;
    return true;
}

// Some channels of one image: where their first pixel is, and the gate's values.
struct group {
    size_t first, of_z, count;
    float open[CHANNELS];
};

static struct group make_group(const struct state *state, const struct call *call, size_t index) {
    const size_t image = index / state->groups;
    const size_t channel = index % state->groups * CHANNELS;
    const size_t left = state->channels - channel;
    struct group group = {.first = image * state->pixels * state->channels + channel,
                          .of_z = image * state->channels + channel,
                          .count = left < CHANNELS ? left : CHANNELS};
    float temporary[CHANNELS];
    const float *z = cpu_read(state->precision, call->in[1], group.of_z, group.count, temporary);
    for (size_t c = 0; c < group.count; c++) {
        group.open[c] = channel_gate_open(z[c]);
    }
    return group;
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < state->images * state->groups; index++) {
        const struct group group = make_group(state, call, index);
        for (size_t pixel = 0; pixel < state->pixels; pixel++) {
            const size_t offset = group.first + pixel * state->channels;
            float of_x[CHANNELS];
            float of_out[CHANNELS];
            const float *x = cpu_read(state->precision, call->in[0], offset, group.count, of_x);
            float *out =
                cpu_target(state->precision, call->out, offset, group.count, false, of_out);
            for (size_t c = 0; c < group.count; c++) {
                out[c] = x[c] * (group.open[c] + state->keep);
            }
            cpu_write(state->precision, call->out, offset, group.count, out);
        }
    }
}

// The input's gradient of one pixel, and its part in the gate's.
static void backward_pixel(const struct state *state, const struct call *call,
                           const struct group *group, size_t offset, double *sums) {
    float of_x[CHANNELS];
    float of_dy[CHANNELS];
    float of_dx[CHANNELS];
    const float *x = cpu_read(state->precision, call->in[0], offset, group->count, of_x);
    const float *dy = cpu_read(state->precision, call->out_gradient, offset, group->count, of_dy);
    for (size_t c = 0; c < group->count; c++) {
        sums[c] += dy[c] * x[c];
    }
    if (call->in_gradient[0] != NULL) {
        float *dx = cpu_target(state->precision, call->in_gradient[0], offset, group->count,
                               call->add[0], of_dx);
        for (size_t c = 0; c < group->count; c++) {
            dx[c] += dy[c] * (group->open[c] + state->keep);
        }
        cpu_write(state->precision, call->in_gradient[0], offset, group->count, dx);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < state->images * state->groups; index++) {
        const struct group group = make_group(state, call, index);
        double sums[CHANNELS] = {0};
        float temporary[CHANNELS];
        for (size_t pixel = 0; pixel < state->pixels; pixel++) {
            backward_pixel(state, call, &group, group.first + pixel * state->channels, sums);
        }
        if (call->in_gradient[1] != NULL) {
            float *dz = cpu_target(state->precision, call->in_gradient[1], group.of_z, group.count,
                                   call->add[1], temporary);
            for (size_t c = 0; c < group.count; c++) {
                dz[c] += channel_gate_gradient(sums[c], group.open[c]);
            }
            cpu_write(state->precision, call->in_gradient[1], group.of_z, group.count, dz);
        }
    }
}

const struct kernel channel_gate_cpu = {plan, forward, backward, free, NULL};
