// Passes over all numbers of a tensor, in blocks that threads share out.
#include "ops/cpu_elementwise.h"

#include "backend/cpu/cpu.h"
#include "ops/cpu_operation.h"

#include <string.h>

struct state {
    size_t count;
    size_t row, rows; // numbers of a row, rows of an image
    enum precision precision;
    int threads;
};

bool cpu_elementwise_plan(struct kernel_plan *plan, struct error *error) {
    struct state *state = cpu_state_alloc(sizeof *state, 0, 0, error);
    if (state == NULL) {
        return false;
    }
    const struct shape shape = plan_output_shape(plan);
    *state = (struct state){shape_count(shape), shape.w * shape.c, shape.h,
                            plan->backend->precision, plan->backend->threads};
    plan->state = state;
    return true;
}

// At most a block of numbers, from `first` on, before `end`.
static void forward_block(const struct state *state, const struct call *call, struct elementwise by,
                          size_t first, size_t end) {
    const size_t count = end - first < CPU_BLOCK ? end - first : CPU_BLOCK;
    float temporary[CPU_BLOCK];
    if (state->precision == PRECISION_BF16 && by.bf16 != NULL) {
        by.bf16((const uint16_t *)call->in[0] + first, count, (uint16_t *)call->out + first);
        return;
    }
    float *out = state->precision == PRECISION_F32 ? (float *)call->out + first : temporary;
    by.function(cpu_read(state->precision, call->in[0], first, count, temporary), count, out);
    cpu_write(state->precision, call->out, first, count, out);
}

void cpu_elementwise_forward(const struct call *call, struct elementwise by) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->count; first += CPU_BLOCK) {
        forward_block(state, call, by, first, state->count);
    }
}

void cpu_elementwise_rows(const struct call *call, struct elementwise by, size_t image,
                          struct row_span rows) {
    const struct state *state = call->state;
    const size_t end = (image * state->rows + rows.end) * state->row;
    for (size_t first = (image * state->rows + rows.first) * state->row; first < end;
         first += CPU_BLOCK) {
        forward_block(state, call, by, first, end);
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
        const bool direct = state->precision == PRECISION_F32 && !call->add[0];
        float *dx = direct ? (float *)call->in_gradient[0] + first : result;
        gradient(cpu_read(state->precision, kept, first, count, of_kept),
                 cpu_read(state->precision, call->out_gradient, first, count, of_dy), count, dx);
        if (call->add[0]) {
            dx = cpu_target(state->precision, call->in_gradient[0], first, count, true, of_dy);
            cpu_add_multiple(result, 1, count, dx);
        }
        cpu_write(state->precision, call->in_gradient[0], first, count, dx);
    }
}
