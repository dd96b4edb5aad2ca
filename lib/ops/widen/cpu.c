// widen on the CPU, in blocks.
#include "backend/cpu/cpu.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

struct state {
    size_t count;
    enum precision precision; // of the input
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){shape_count(plan_output_shape(plan)),
                            plan_precision(plan, plan->node->inputs[0]), plan->backend->threads};
    plan->state = state;
    return true;
}

static size_t block_at(const struct state *state, size_t first) {
    const size_t left = state->count - first;
    return left < CPU_BLOCK ? left : CPU_BLOCK;
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->count; first += CPU_BLOCK) {
        const size_t count = block_at(state, first);
        float temporary[CPU_BLOCK];
        memcpy((float *)call->out + first,
               cpu_read(state->precision, call->in[0], first, count, temporary),
               count * sizeof(float));
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->count; first += CPU_BLOCK) {
        const size_t count = block_at(state, first);
        const float *dy = (const float *)call->out_gradient + first;
        float temporary[CPU_BLOCK];
        float *dx = cpu_target(state->precision, call->in_gradient[0], first, count, call->add[0],
                               temporary);
        for (size_t i = 0; i < count; i++) {
            dx[i] += dy[i];
        }
        cpu_write(state->precision, call->in_gradient[0], first, count, dx);
    }
}

const struct kernel widen_cpu = {plan, forward, backward, free, NULL};
