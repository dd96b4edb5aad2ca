// relu on the CPU.
#include "backend/cpu/cpu.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

struct state {
    size_t count;
    enum precision precision;
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){shape_count(plan_output_shape(plan)), plan->backend->precision,
                            plan->backend->threads};
    plan->state = state;
    return true;
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->count; first += CPU_BLOCK) {
        const size_t count = state->count - first < CPU_BLOCK ? state->count - first : CPU_BLOCK;
        float of_x[CPU_BLOCK];
        float y[CPU_BLOCK]; // the output may lie where the input does
        const float *x = cpu_read(state->precision, call->in[0], first, count, of_x);
        for (size_t i = 0; i < count; i++) {
            y[i] = x[i] < 0 ? 0 : x[i];
        }
        if (state->precision == PRECISION_F32) {
            memcpy((float *)call->out + first, y, count * sizeof *y);
        }
        cpu_write(state->precision, call->out, first, count, y);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->count; first += CPU_BLOCK) {
        const size_t count = state->count - first < CPU_BLOCK ? state->count - first : CPU_BLOCK;
        float of_y[CPU_BLOCK];
        float of_dy[CPU_BLOCK];
        float result[CPU_BLOCK];
        const float *y = cpu_read(state->precision, call->out, first, count, of_y);
        const float *dy = cpu_read(state->precision, call->out_gradient, first, count, of_dy);
        for (size_t i = 0; i < count; i++) {
            result[i] = y[i] > 0 ? dy[i] : 0;
        }
        float *dx =
            cpu_target(state->precision, call->in_gradient[0], first, count, call->add[0], of_dy);
        for (size_t i = 0; i < count; i++) {
            dx[i] += result[i];
        }
        cpu_write(state->precision, call->in_gradient[0], first, count, dx);
    }
}

const struct kernel relu_cpu = {plan, forward, backward, free, NULL};
