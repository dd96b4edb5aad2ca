// Passes over all numbers of a tensor, in blocks that threads share out.
#include "ops/cpu_elementwise.h"

#include "backend/cpu/cpu.h"
#include "ops/cpu_operation.h"

#include <string.h>

struct state {
    size_t count;
    enum precision precision;
    int threads;
};

bool cpu_elementwise_plan(struct kernel_plan *plan, struct error *error) {
    struct state *state = cpu_state_alloc(sizeof *state, 0, 0, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){shape_count(plan_output_shape(plan)), plan->backend->precision,
                            plan->backend->threads};
    plan->state = state;
    return true;
}

void cpu_elementwise_forward(const struct call *call, elementwise_function *function) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->count; first += CPU_BLOCK) {
        const size_t count = state->count - first < CPU_BLOCK ? state->count - first : CPU_BLOCK;
        float of_x[CPU_BLOCK];
        float y[CPU_BLOCK]; // the output may lie where the input does
        function(cpu_read(state->precision, call->in[0], first, count, of_x), count, y);
        if (state->precision == PRECISION_F32) {
            memcpy((float *)call->out + first, y, count * sizeof *y);
        }
        cpu_write(state->precision, call->out, first, count, y);
    }
}

void cpu_elementwise_backward(const struct call *call, const void *kept,
                              elementwise_gradient *gradient) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->count; first += CPU_BLOCK) {
        const size_t count = state->count - first < CPU_BLOCK ? state->count - first : CPU_BLOCK;
        float of_kept[CPU_BLOCK];
        float of_dy[CPU_BLOCK];
        float result[CPU_BLOCK];
        gradient(cpu_read(state->precision, kept, first, count, of_kept),
                 cpu_read(state->precision, call->out_gradient, first, count, of_dy), count,
                 result);
        float *dx =
            cpu_target(state->precision, call->in_gradient[0], first, count, call->add[0], of_dy);
        cpu_add_multiple(result, 1, count, dx);
        cpu_write(state->precision, call->in_gradient[0], first, count, dx);
    }
}
