// channel_gate on the CPU: a thread takes some channels of an image.
#include "backend/cpu/cpu.h"
#include "ops/channel_gate/channel_gate.h"
#include "ops/cpu_map.h"
#include "ops/kernels.h"

#include <stdlib.h>

struct state {
    struct cpu_map map;
    float keep;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct channel_gate_attributes *attributes = plan->node->attributes;
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){cpu_map_of(plan), attributes->keep ? 1.0F : 0.0F};
    plan->state = state;
    return true;
}

// Some channels of one image, and the gate's values.
struct group {
    struct cpu_group at;
    float open[CPU_GROUP];
};

static struct group make_group(const struct state *state, const struct call *call, size_t index) {
    struct group group = {.at = cpu_map_group(&state->map, index)};
    float temporary[CPU_GROUP];
    const float *z =
        cpu_read(state->map.precision, call->in[1], group.at.alone, group.at.count, temporary);
    for (size_t c = 0; c < group.at.count; c++) {
        group.open[c] = channel_gate_open(z[c]);
    }
    return group;
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const size_t groups = cpu_map_groups(&state->map);
#pragma omp parallel for schedule(static) num_threads(state->map.threads)
    for (size_t index = 0; index < groups; index++) {
        const struct group group = make_group(state, call, index);
        for (size_t pixel = 0; pixel < state->map.pixels; pixel++) {
            const size_t offset = group.at.first + pixel * state->map.channels;
            float of_x[CPU_GROUP];
            float of_out[CPU_GROUP];
            const float *x =
                cpu_read(state->map.precision, call->in[0], offset, group.at.count, of_x);
            float *out =
                cpu_target(state->map.precision, call->out, offset, group.at.count, false, of_out);
            for (size_t c = 0; c < group.at.count; c++) {
                out[c] = x[c] * (group.open[c] + state->keep);
            }
            cpu_write(state->map.precision, call->out, offset, group.at.count, out);
        }
    }
}

// The input's gradient of one pixel, and its part in the gate's.
static void backward_pixel(const struct state *state, const struct call *call,
                           const struct group *group, size_t offset, double *sums) {
    float of_x[CPU_GROUP];
    float of_dy[CPU_GROUP];
    float of_dx[CPU_GROUP];
    const float *x = cpu_read(state->map.precision, call->in[0], offset, group->at.count, of_x);
    const float *dy =
        cpu_read(state->map.precision, call->out_gradient, offset, group->at.count, of_dy);
    for (size_t c = 0; c < group->at.count; c++) {
        sums[c] += dy[c] * x[c];
    }
    if (call->in_gradient[0] != NULL) {
        float *dx = cpu_target(state->map.precision, call->in_gradient[0], offset, group->at.count,
                               call->add[0], of_dx);
        for (size_t c = 0; c < group->at.count; c++) {
            dx[c] += dy[c] * (group->open[c] + state->keep);
        }
        cpu_write(state->map.precision, call->in_gradient[0], offset, group->at.count, dx);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t groups = cpu_map_groups(&state->map);
#pragma omp parallel for schedule(static) num_threads(state->map.threads)
    for (size_t index = 0; index < groups; index++) {
        const struct group group = make_group(state, call, index);
        double sums[CPU_GROUP] = {0};
        float temporary[CPU_GROUP];
        for (size_t pixel = 0; pixel < state->map.pixels; pixel++) {
            backward_pixel(state, call, &group, group.at.first + pixel * state->map.channels, sums);
        }
        if (call->in_gradient[1] != NULL) {
            float *dz = cpu_target(state->map.precision, call->in_gradient[1], group.at.alone,
                                   group.at.count, call->add[1], temporary);
            for (size_t c = 0; c < group.at.count; c++) {
                dz[c] += channel_gate_gradient(sums[c], group.open[c]);
            }
            cpu_write(state->map.precision, call->in_gradient[1], group.at.alone, group.at.count,
                      dz);
        }
    }
}

const struct kernel channel_gate_cpu = {plan, forward, backward, free, NULL};
