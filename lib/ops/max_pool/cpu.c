// max_pool on the CPU. Saved in training: which of the window's pixels each maximum came from, so
// that backward can gather: every input pixel asks the windows over it, and no two threads write to
// one address.
#include "backend/cpu/cpu.h"
#include "backend/cpu/number.h"
#include "core/simd.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"
#include "ops/max_pool/max_pool.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

struct state {
    struct shape in, out;
    size_t window, pad;
    bool train;
    enum precision precision;
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct max_pool_attributes *attributes = plan->node->attributes;
    const struct shape in = plan_input_shape(plan, 0);
    struct state *state = cpu_state_alloc(sizeof *state, in.c, CPU_BLOCK, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){in,
                            plan_output_shape(plan),
                            attributes->window,
                            attributes->pad,
                            graph_mode_of(plan->graph) == GRAPH_TRAIN,
                            plan->backend->precision,
                            plan->backend->threads};
    plan->saved = state->train ? shape_count(state->out) : 0;
    plan->state = state;
    return true;
}

#define MAX_WINDOW 9

// The pixels of a window that lie inside: their first numbers, and which of the window's they are.
// Behind them the first one comes again.
struct window {
    size_t count, first[MAX_WINDOW];
    uint8_t index[MAX_WINDOW];
};

static struct window window_of(const struct state *state, size_t row, size_t column) {
    const struct shape in = state->in;
    const size_t image = row / state->out.h;
    const size_t y = row % state->out.h;
    struct window window = {.count = 0};
    for (size_t k = 0; k < state->window * state->window; k++) {
        // Unsigned arithmetic wraps above the image, too.
        const size_t iy = 2 * y + k / state->window - state->pad;
        const size_t ix = 2 * column + k % state->window - state->pad;
        if (iy < in.h && ix < in.w) {
            window.first[window.count] = ((image * in.h + iy) * in.w + ix) * in.c;
            window.index[window.count++] = (uint8_t)k;
        }
    }
    for (size_t k = window.count; k < MAX_WINDOW; k++) {
        window.first[k] = window.first[0]; // never greater than what it is compared with
        window.index[k] = window.index[0];
    }
    return window;
}

// The next column's window: where both are whole, two pixels on.
static void move_window(const struct state *state, size_t row, size_t column,
                        struct window *window) {
    const size_t end = 2 * column + state->window - state->pad;
    if (window->count < state->window * state->window || end > state->in.w) {
        *window = window_of(state, row, column);
        return;
    }
    for (size_t k = 0; k < MAX_WINDOW; k++) {
        window->first[k] += 2 * state->in.c;
    }
}

// The greatest numbers of all channels, and with `saves` which of the window's pixels they are.
__attribute__((always_inline)) static inline void pool_by(enum precision precision, bool saves,
                                                          const void *in,
                                                          const struct window *window,
                                                          size_t channels, void *out,
                                                          uint8_t *from) {
    const struct window own = *window;
#pragma omp simd
    for (size_t c = 0; c < channels; c++) {
        float maximum = -INFINITY;
        uint32_t index = 0;
#pragma GCC unroll 9
        for (size_t k = 0; k < MAX_WINDOW; k++) {
            const float x = cpu_load(precision, in, own.first[k] + c);
            index = x > maximum ? own.index[k] : index;
            maximum = x > maximum ? x : maximum;
        }
        cpu_store(precision, maximum, out, c);
        if (saves) {
            from[c] = (uint8_t)index;
        }
    }
}

VECTORISED static void pool(enum precision stored, const void *in, const struct window *window,
                            size_t channels, void *out) {
    CPU_FOR_PRECISION(stored, pool_by(precision, false, in, window, channels, out, NULL));
}

VECTORISED static void pool_and_save(enum precision stored, const void *in,
                                     const struct window *window, size_t channels, void *out,
                                     uint8_t *from) {
    CPU_FOR_PRECISION(stored, pool_by(precision, true, in, window, channels, out, from));
}

static void forward_row(const struct state *state, const struct call *call, size_t row) {
    const struct shape out = state->out;
    struct window window = window_of(state, row, 0);
    for (size_t x = 0; x < out.w; x++) {
        const size_t offset = (row * out.w + x) * out.c;
        if (x > 0) {
            move_window(state, row, x, &window);
        }
        void *maxima = (char *)call->out + offset * precision_size(state->precision);
        if (state->train) {
            pool_and_save(state->precision, call->in[0], &window, out.c, maxima,
                          (uint8_t *)call->saved + offset);
        } else {
            pool(state->precision, call->in[0], &window, out.c, maxima);
        }
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->out.n * state->out.h; row++) {
        forward_row(state, call, row);
    }
}

static struct row_span reads(const struct graph *graph, const struct node *node, int input,
                             struct row_span rows) {
    const struct max_pool_attributes *attributes = node->attributes;
    return window_rows(rows, attributes->window, 2, attributes->pad,
                       graph_shape(graph, node->inputs[input]).h);
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    for (size_t y = rows.first; y < rows.end; y++) {
        forward_row(state, call, image * state->out.h + y);
    }
}

VECTORISED static void add_where(const float *dy, const uint8_t *from, uint8_t index,
                                 size_t channels, float *dx) {
    for (size_t c = 0; c < channels; c++) {
        dx[c] += from[c] == index ? dy[c] : 0;
    }
}

// Adds what reaches one input pixel from the at most four windows over it.
static void gather(const struct state *state, const struct call *call, size_t row, size_t x,
                   float *dx) {
    const struct shape out = state->out;
    const size_t image = row / state->in.h;
    const size_t y = row % state->in.h;
    float temporary[CPU_BLOCK];
    const size_t pad = state->pad;
    for (size_t oy = max_pool_first(y); oy <= max_pool_last(y, pad); oy++) {
        for (size_t ox = max_pool_first(x); ox <= max_pool_last(x, pad); ox++) {
            if (oy < out.h && ox < out.w) {
                const size_t offset = ((image * out.h + oy) * out.w + ox) * out.c;
                const size_t index = (y + pad - 2 * oy) * state->window + (x + pad - 2 * ox);
                add_where(cpu_read(state->precision, call->out_gradient, offset, out.c, temporary),
                          (const uint8_t *)call->saved + offset, (uint8_t)index, out.c, dx);
            }
        }
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const struct shape in = state->in;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < in.n * in.h; row++) {
        for (size_t x = 0; x < in.w; x++) {
            const size_t offset = (row * in.w + x) * in.c;
            float temporary[CPU_BLOCK];
            float *dx = cpu_target(state->precision, call->in_gradient[0], offset, in.c,
                                   call->add[0], temporary);
            gather(state, call, row, x, dx);
            cpu_write(state->precision, call->in_gradient[0], offset, in.c, dx);
        }
    }
}

const struct row_kernel max_pool_rows = {NULL, reads, forward_rows};
const struct kernel max_pool_cpu = {plan, forward, backward, free, NULL};
