// pixel_gate on the CPU: pixel by pixel.
#include "backend/cpu/cpu.h"
#include "ops/channel_gate/channel_gate.h"
#include "ops/cpu_map.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <stdlib.h>

static float open_at(const struct cpu_map *state, const struct call *call, size_t pixel) {
    float temporary;
    return channel_gate_open(*cpu_read(state->precision, call->in[1], pixel, 1, &temporary));
}

static void forward(const struct call *call) {
    const struct cpu_map *state = call->state;
    const size_t channels = state->channels;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t pixel = 0; pixel < state->images * state->pixels; pixel++) {
        const size_t first = pixel * channels;
        float of_x[CPU_BLOCK];
        float of_out[CPU_BLOCK];
        float *out = cpu_target(state->precision, call->out, first, channels, false, of_out);
        cpu_add_multiple(cpu_read(state->precision, call->in[0], first, channels, of_x),
                         open_at(state, call, pixel), channels, out);
        cpu_write(state->precision, call->out, first, channels, out);
    }
}

// z's gradient: of the sum over channels of x * sigmoid(z) * dy.
static void write_gate_gradient(const struct cpu_map *state, const struct call *call, size_t pixel,
                                float open, const float *dy) {
    const size_t channels = state->channels;
    float of_x[CPU_BLOCK];
    float of_dz;
    const float *x = cpu_read(state->precision, call->in[0], pixel * channels, channels, of_x);
    double sum = 0;
    for (size_t c = 0; c < channels; c++) {
        sum += (double)dy[c] * x[c];
    }
    float *dz = cpu_target(state->precision, call->in_gradient[1], pixel, 1, call->add[1], &of_dz);
    *dz += channel_gate_gradient(sum, open);
    cpu_write(state->precision, call->in_gradient[1], pixel, 1, dz);
}

static void backward(const struct call *call) {
    const struct cpu_map *state = call->state;
    const size_t channels = state->channels;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t pixel = 0; pixel < state->images * state->pixels; pixel++) {
        const size_t first = pixel * channels;
        const float open = open_at(state, call, pixel);
        float of_dy[CPU_BLOCK];
        float of_dx[CPU_BLOCK];
        const float *dy = cpu_read(state->precision, call->out_gradient, first, channels, of_dy);
        if (call->in_gradient[0] != NULL) {
            float *dx = cpu_target(state->precision, call->in_gradient[0], first, channels,
                                   call->add[0], of_dx);
            cpu_add_multiple(dy, open, channels, dx);
            cpu_write(state->precision, call->in_gradient[0], first, channels, dx);
        }
        if (call->in_gradient[1] != NULL) {
            write_gate_gradient(state, call, pixel, open, dy);
        }
    }
}

const struct kernel pixel_gate_cpu = {cpu_map_plan_pixels, forward, backward, free, NULL};
