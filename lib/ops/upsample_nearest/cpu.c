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

// One output row, of one input row's pixels, of so many bytes, which are constants where this is
// called for most maps.
__attribute__((always_inline)) static inline void repeat(const char *from, size_t bytes,
                                                         size_t width, char *to) {
    for (size_t x = 0; x < width; x++) {
        memcpy(to + 2 * x * bytes, from + x * bytes, bytes);
        memcpy(to + (2 * x + 1) * bytes, from + x * bytes, bytes);
    }
}

static void forward_row(const struct state *state, const struct call *call, size_t row) {
    const size_t width = state->in.w;
    const size_t bytes = state->pixel_bytes;
    const char *from = (const char *)call->in[0] + row / 2 * width * bytes;
    char *to = (char *)call->out + row * 2 * width * bytes;
    switch (bytes) {
    case 64: repeat(from, 64, width, to); break;
    case 128: repeat(from, 128, width, to); break;
    default: repeat(from, bytes, width, to); break;
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->in.n * 2 * state->in.h; row++) {
        forward_row(state, call, row);
    }
}

// Half of the rows, rounded outwards.
static struct row_span reads(const struct graph *graph, const struct node *node, int input,
                             struct row_span rows) {
    (void)graph;
    (void)node;
    (void)input;
    return (struct row_span){rows.first / 2, (rows.end + 1) / 2};
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    for (size_t y = rows.first; y < rows.end; y++) {
        forward_row(state, call, image * 2 * state->in.h + y);
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

const struct row_kernel upsample_nearest_rows = {NULL, reads, forward_rows};
const struct kernel upsample_nearest_cpu = {plan, forward, backward, free, NULL};
