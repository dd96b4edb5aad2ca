// concat on the CPU.
#include "backend/cpu/cpu.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

struct state {
    size_t row, rows; // pixels of a row, rows of an image
    size_t pixels, channels[2];
    enum precision precision;
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape out = plan_output_shape(plan);
    struct state *state = cpu_state_alloc(sizeof *state, out.c, CPU_BLOCK, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){out.w,
                            out.h,
                            out.n * out.h * out.w,
                            {plan_input_shape(plan, 0).c, plan_input_shape(plan, 1).c},
                            plan->backend->precision,
                            plan->backend->threads};
    plan->state = state;
    return true;
}

// A row's pixels, of so many bytes, which are constants where this is called for most maps.
__attribute__((always_inline)) static inline void join(const char *a, const char *b, size_t one,
                                                       size_t other, size_t pixels, char *out) {
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        memcpy(out + pixel * (one + other), a + pixel * one, one);
        memcpy(out + pixel * (one + other) + one, b + pixel * other, other);
    }
}

static void forward_row(const struct state *state, const struct call *call, size_t row) {
    const size_t size = precision_size(state->precision);
    const size_t one = state->channels[0] * size;
    const size_t other = state->channels[1] * size;
    const size_t pixels = state->row;
    const char *a = (const char *)call->in[0] + row * pixels * one;
    const char *b = (const char *)call->in[1] + row * pixels * other;
    char *out = (char *)call->out + row * pixels * (one + other);
    switch (one == other ? one : 0) {
    case 32: join(a, b, 32, 32, pixels, out); break;
    case 64: join(a, b, 64, 64, pixels, out); break;
    case 128: join(a, b, 128, 128, pixels, out); break;
    default: join(a, b, one, other, pixels, out); break;
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const size_t rows = state->pixels / state->row;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < rows; row++) {
        forward_row(state, call, row);
    }
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    for (size_t y = rows.first; y < rows.end; y++) {
        forward_row(state, call, image * state->rows + y);
    }
}

// One input's part of the gradient, where nothing is added to it.
static void copy_part(const struct state *state, const struct call *call, int part) {
    const size_t size = precision_size(state->precision);
    const size_t wide = (state->channels[0] + state->channels[1]) * size;
    const size_t bytes = state->channels[part] * size;
    const char *from =
        (const char *)call->out_gradient + (part == 0 ? 0 : state->channels[0] * size);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t pixel = 0; pixel < state->pixels; pixel++) {
        memcpy((char *)call->in_gradient[part] + pixel * bytes, from + pixel * wide, bytes);
    }
}

static void add_part(const struct state *state, const struct call *call, int part) {
    const size_t wide = state->channels[0] + state->channels[1];
    const size_t channels = state->channels[part];
    const size_t before = part == 0 ? 0 : state->channels[0];
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t pixel = 0; pixel < state->pixels; pixel++) {
        float one[CPU_BLOCK];
        float other[CPU_BLOCK];
        const float *dy =
            cpu_read(state->precision, call->out_gradient, pixel * wide + before, channels, one);
        float *dx = cpu_target(state->precision, call->in_gradient[part], pixel * channels,
                               channels, call->add[part], other);
        for (size_t c = 0; c < channels; c++) {
            dx[c] += dy[c];
        }
        cpu_write(state->precision, call->in_gradient[part], pixel * channels, channels, dx);
    }
}

static void backward(const struct call *call) {
    for (int part = 0; part < 2; part++) {
        if (call->in_gradient[part] != NULL && call->add[part]) {
            add_part(call->state, call, part);
        } else if (call->in_gradient[part] != NULL) {
            copy_part(call->state, call, part);
        }
    }
}

const struct row_kernel concat_rows = {NULL, NULL, forward_rows};
const struct kernel concat_cpu = {plan, forward, backward, free, NULL};
