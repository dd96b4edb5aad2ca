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

// The windows over an input pixel, at most two by two: their gradients, which of their pixels the
// maxima are, and which of them the input pixel is.
struct windows_over {
    size_t count;
    const void *dy[4];
    const uint8_t *from[4];
    uint8_t index[4];
};

static struct windows_over windows_over(const struct state *state, const struct call *call,
                                        size_t row, size_t x) {
    const struct shape out = state->out;
    const size_t image = row / state->in.h;
    const size_t y = row % state->in.h;
    const size_t pad = state->pad;
    struct windows_over over = {.count = 0};
    for (size_t oy = max_pool_first(y); oy <= max_pool_last(y, pad) && oy < out.h; oy++) {
        for (size_t ox = max_pool_first(x); ox <= max_pool_last(x, pad) && ox < out.w; ox++) {
            const size_t offset = ((image * out.h + oy) * out.w + ox) * out.c;
            over.dy[over.count] =
                (const char *)call->out_gradient + offset * precision_size(state->precision);
            over.from[over.count] = (const uint8_t *)call->saved + offset;
            over.index[over.count++] =
                (uint8_t)((y + pad - 2 * oy) * state->window + (x + pad - 2 * ox));
        }
    }
    return over;
}

// The windows over the pixel two to the right: one to the right each, where there are as many.
static void move_windows(const struct state *state, struct windows_over *over) {
    for (size_t k = 0; k < over->count; k++) {
        over->dy[k] = (const char *)over->dy[k] + state->out.c * precision_size(state->precision);
        over->from[k] += state->out.c;
    }
}

// dx = what reaches one input pixel from `count` windows, or with `add` += it: both are constants.
__attribute__((always_inline)) static inline void gather_by(enum precision precision, size_t count,
                                                            bool add,
                                                            const struct windows_over *windows,
                                                            size_t channels, void *dx) {
    const struct windows_over over = *windows;
#pragma omp simd
    for (size_t c = 0; c < channels; c++) {
        float sum = add ? cpu_load(precision, dx, c) : 0;
#pragma GCC unroll 4
        for (size_t k = 0; k < count; k++) {
            const float dy = cpu_load(precision, over.dy[k], c);
            sum += over.from[k][c] == over.index[k] ? dy : 0;
        }
        cpu_store(precision, sum, dx, c);
    }
}

__attribute__((always_inline)) static inline void gather_some(enum precision precision, bool add,
                                                              const struct windows_over *over,
                                                              size_t channels, void *dx) {
    switch (over->count) {
    case 0: gather_by(precision, 0, add, over, channels, dx); break;
    case 1: gather_by(precision, 1, add, over, channels, dx); break;
    case 2: gather_by(precision, 2, add, over, channels, dx); break;
    default: gather_by(precision, 4, add, over, channels, dx); break;
    }
}

VECTORISED static void gather(enum precision stored, bool add, const struct windows_over *over,
                              size_t channels, void *dx) {
    CPU_FOR_PRECISION(stored,
                      CPU_FOR_FLAG(adds, add, gather_some(precision, adds, over, channels, dx)));
}

// Every second pixel of an input row, from `first` on.
static void backward_pixels(const struct state *state, const struct call *call, size_t row,
                            size_t first) {
    const struct shape in = state->in;
    struct windows_over over = {.count = 0};
    for (size_t x = first; x < in.w; x += 2) {
        const size_t offset = (row * in.w + x) * in.c;
        if (x == first || max_pool_last(x, state->pad) >= state->out.w) {
            over = windows_over(state, call, row, x);
        } else {
            move_windows(state, &over);
        }
        gather(state->precision, call->add[0], &over, in.c,
               (char *)call->in_gradient[0] + offset * precision_size(state->precision));
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->in.n * state->in.h; row++) {
        backward_pixels(state, call, row, 0);
        backward_pixels(state, call, row, 1);
    }
}

const struct row_kernel max_pool_rows = {NULL, reads, forward_rows};
const struct kernel max_pool_cpu = {plan, forward, backward, free, NULL};
