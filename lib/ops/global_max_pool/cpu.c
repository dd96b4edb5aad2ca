// global_max_pool on the CPU: a thread takes some channels of an image. Saved: the pixel that each
// maximum came from.
#include "backend/cpu/cpu.h"
#include "ops/cpu_map.h"
#include "ops/kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape out = plan_output_shape(plan);
    plan->saved = out.n * out.c * sizeof(uint32_t);
    return cpu_map_plan(plan, error);
}

static void forward(const struct call *call) {
    const struct cpu_map *state = call->state;
    const size_t groups = cpu_map_groups(state);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < groups; index++) {
        const struct cpu_group group = cpu_map_group(state, index);
        uint32_t *from = (uint32_t *)call->saved + group.alone;
        float maxima[CPU_GROUP];
        float temporary[CPU_GROUP];
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
            cpu_target(state->precision, call->out, group.alone, group.count, false, temporary);
        for (size_t c = 0; c < group.count; c++) {
            out[c] = maxima[c];
        }
        cpu_write(state->precision, call->out, group.alone, group.count, out);
    }
}

static void backward(const struct call *call) {
    const struct cpu_map *state = call->state;
    const size_t groups = cpu_map_groups(state);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < groups; index++) {
        const struct cpu_group group = cpu_map_group(state, index);
        const uint32_t *from = (const uint32_t *)call->saved + group.alone;
        float of_dy[CPU_GROUP];
        float temporary[CPU_GROUP];
        const float *dy =
            cpu_read(state->precision, call->out_gradient, group.alone, group.count, of_dy);
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
