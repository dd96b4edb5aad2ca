// channel_pool on the CPU: pixel by pixel. Saved: the channel that each maximum came from.
#include "backend/cpu/cpu.h"
#include "ops/cpu_map.h"
#include "ops/kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { MAXIMUM, MEAN, POOLS };

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    plan->saved = in.n * in.h * in.w * sizeof(uint32_t);
    return cpu_map_plan_pixels(plan, error);
}

static void forward(const struct call *call) {
    const struct cpu_map *state = call->state;
    const size_t channels = state->channels;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t pixel = 0; pixel < state->images * state->pixels; pixel++) {
        float of_x[CPU_BLOCK];
        float of_out[POOLS];
        const float *x = cpu_read(state->precision, call->in[0], pixel * channels, channels, of_x);
        float *out = cpu_target(state->precision, call->out, pixel * POOLS, POOLS, false, of_out);
        float maximum = -INFINITY;
        double sum = 0;
        uint32_t from = 0;
        for (size_t c = 0; c < channels; c++) {
            from = x[c] > maximum ? (uint32_t)c : from;
            maximum = x[c] > maximum ? x[c] : maximum;
            sum += x[c];
        }
        out[MAXIMUM] = maximum;
        out[MEAN] = (float)(sum / (double)channels);
        ((uint32_t *)call->saved)[pixel] = from;
        cpu_write(state->precision, call->out, pixel * POOLS, POOLS, out);
    }
}

static void backward(const struct call *call) {
    const struct cpu_map *state = call->state;
    const size_t channels = state->channels;
    const float share = 1.0F / (float)channels;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t pixel = 0; pixel < state->images * state->pixels; pixel++) {
        float of_dy[POOLS];
        float of_dx[CPU_BLOCK];
        const float *dy =
            cpu_read(state->precision, call->out_gradient, pixel * POOLS, POOLS, of_dy);
        float *dx = cpu_target(state->precision, call->in_gradient[0], pixel * channels, channels,
                               call->add[0], of_dx);
        for (size_t c = 0; c < channels; c++) {
            dx[c] += share * dy[MEAN];
        }
        dx[((const uint32_t *)call->saved)[pixel]] += dy[MAXIMUM];
        cpu_write(state->precision, call->in_gradient[0], pixel * channels, channels, dx);
    }
}

const struct kernel channel_pool_cpu = {plan, forward, backward, free, NULL};
