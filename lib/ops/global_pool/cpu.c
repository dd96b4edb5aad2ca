// global_pool on the CPU: a thread takes some channels of an image.
#include "backend/cpu/cpu.h"
#include "backend/bf16.h"
#include "core/simd.h"
#include "ops/cpu_map.h"
#include "ops/kernels.h"

#include <stdlib.h>

// Adds a group's numbers of all pixels, `step` numbers apart.
VECTORISED static void add_f32(const float *x, size_t pixels, size_t step, size_t count,
                               double *sums) {
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        for (size_t c = 0; c < count; c++) {
            sums[c] += x[pixel * step + c];
        }
    }
}

VECTORISED static void add_bf16(const uint16_t *x, size_t pixels, size_t step, size_t count,
                                double *sums) {
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        for (size_t c = 0; c < count; c++) {
            sums[c] += bf16_to(x[pixel * step + c]);
        }
    }
}

static void forward(const struct call *call) {
    const struct cpu_map *state = call->state;
    const size_t groups = cpu_map_groups(state);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < groups; index++) {
        const struct cpu_group group = cpu_map_group(state, index);
        double sums[CPU_GROUP] = {0};
        float temporary[CPU_GROUP];
        if (state->precision == PRECISION_F32) {
            add_f32((const float *)call->in[0] + group.first, state->pixels, state->channels,
                    group.count, sums);
        } else {
            add_bf16((const uint16_t *)call->in[0] + group.first, state->pixels, state->channels,
                     group.count, sums);
        }
        float *out =
            cpu_target(state->precision, call->out, group.alone, group.count, false, temporary);
        for (size_t c = 0; c < group.count; c++) {
            out[c] = (float)(sums[c] / (double)state->pixels);
        }
        cpu_write(state->precision, call->out, group.alone, group.count, out);
    }
}

static void backward(const struct call *call) {
    const struct cpu_map *state = call->state;
    const size_t groups = cpu_map_groups(state);
    const float share = 1.0F / (float)state->pixels;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < groups; index++) {
        const struct cpu_group group = cpu_map_group(state, index);
        float of_dy[CPU_GROUP];
        float temporary[CPU_GROUP];
        const float *dy =
            cpu_read(state->precision, call->out_gradient, group.alone, group.count, of_dy);
        for (size_t pixel = 0; pixel < state->pixels; pixel++) {
            const size_t offset = group.first + pixel * state->channels;
            float *dx = cpu_target(state->precision, call->in_gradient[0], offset, group.count,
                                   call->add[0], temporary);
            for (size_t c = 0; c < group.count; c++) {
                dx[c] += share * dy[c];
            }
            cpu_write(state->precision, call->in_gradient[0], offset, group.count, dx);
        }
    }
}

const struct kernel global_pool_cpu = {cpu_map_plan, forward, backward, free, NULL};
