// upsample_nearest on the CPU: forward copies numbers as they are stored, backward sums up four
// pixels.
#include "backend/cpu/cpu.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

struct state {
    struct shape in;
    size_t pixel_bytes;
    enum precision precision;
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    const enum precision precision = plan->backend->precision;
    struct state *state = cpu_state_alloc(sizeof *state, in.c, CPU_BLOCK, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){
        in, graph_value_bytes(plan->graph, plan->node->inputs[0], precision) / (in.n * in.h * in.w),
        precision, plan->backend->threads};
    plan->state = state;
    return true;
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const size_t width = state->in.w;
    const size_t bytes = state->pixel_bytes;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->in.n * state->in.h; row++) {
        const char *from = (const char *)call->in[0] + row * width * bytes;
        char *to = (char *)call->out + 4 * row * width * bytes;
        for (size_t x = 0; x < width; x++) {
            memcpy(to + 2 * x * bytes, from + x * bytes, bytes);
            memcpy(to + (2 * x + 1) * bytes, from + x * bytes, bytes);
        }
        memcpy(to + 2 * width * bytes, to, 2 * width * bytes);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const struct shape in = state->in;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < in.n * in.h; row++) {
        for (size_t x = 0; x < in.w; x++) {
            const size_t offset = (row * in.w + x) * in.c;
            float of_dy[CPU_BLOCK];
            float of_dx[CPU_BLOCK];
            float *dx = cpu_target(state->precision, call->in_gradient[0], offset, in.c,
                                   call->add[0], of_dx);
            for (size_t k = 0; k < 4; k++) {
                const size_t pixel = (2 * row + k / 2) * 2 * in.w + 2 * x + k % 2;
                cpu_add_multiple(
                    cpu_read(state->precision, call->out_gradient, pixel * in.c, in.c, of_dy), 1,
                    in.c, dx);
            }
            cpu_write(state->precision, call->in_gradient[0], offset, in.c, dx);
        }
    }
}

const struct kernel upsample_nearest_cpu = {plan, forward, backward, free, NULL};
