// Direct convolution: which taps of a window lie inside of the image, and where weights lie
// in panels.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_DIRECT_WINDOW_H
#define PLEURA_OPS_CONVOLUTION_CPU_DIRECT_WINDOW_H

#include "backend/cpu/products/f32.h"
#include "ops/convolution/cpu/direct/direct.h"

#define PANEL ((size_t)CPU_F32_PANEL)

// The part of a window row that lies inside: its first tap and pixel, and how many.
struct window {
    size_t tap, pixel, taps;
};

static inline struct window window_at(const struct phase_plan *plan, size_t x) {
    const ptrdiff_t first = (ptrdiff_t)(x * plan->stride_x) + plan->left;
    const ptrdiff_t last = first + (ptrdiff_t)plan->window_width;
    const ptrdiff_t from = first < 0 ? 0 : first;
    const ptrdiff_t to = last > (ptrdiff_t)plan->width ? (ptrdiff_t)plan->width : last;
    return to <= from ? (struct window){0, 0, 0}
                      : (struct window){(size_t)(from - first), (size_t)from, (size_t)(to - from)};
}

// The output columns from `inside` on, before `outside`, have whole windows; the same, if none.
struct edges {
    size_t inside, outside;
};

static inline struct edges edges_of(const struct phase_plan *plan) {
    struct edges edges = {0, plan->columns};
    while (edges.inside < edges.outside &&
           window_at(plan, edges.inside).taps < plan->window_width) {
        edges.inside++;
    }
    while (edges.outside > edges.inside &&
           window_at(plan, edges.outside - 1).taps < plan->window_width) {
        edges.outside--;
    }
    return edges;
}

// What one product does in a row from column x on: all columns with whole windows, or one.
struct span {
    size_t columns;
    struct window window; // of the first
};

static inline struct span span_at(const struct phase_plan *plan, const struct edges *edges,
                                  size_t x) {
    const bool whole = x >= edges->inside && x < edges->outside;
    return (struct span){whole ? edges->outside - x : 1, window_at(plan, x)};
}

// The output columns that reach a pixel inside by one tap of a window row: the first, its pixel,
// and how many.
struct reached {
    size_t first, pixel, columns;
};

static inline struct reached reached_by(const struct phase_plan *plan, size_t tap) {
    const size_t stride = plan->stride_x;
    const ptrdiff_t at = plan->left + (ptrdiff_t)tap; // the pixel of column 0
    const size_t first = at < 0 ? ((size_t)-at + stride - 1) / stride : 0;
    const size_t pixel = (size_t)(at + (ptrdiff_t)(first * stride));
    if (first >= plan->columns || pixel >= plan->width) {
        return (struct reached){0, 0, 0};
    }
    const size_t inside = (plan->width - pixel + stride - 1) / stride;
    const size_t left = plan->columns - first;
    return (struct reached){first, pixel, inside < left ? inside : left};
}

// Lanes of a panel that belong to one pixel.
static inline size_t lanes_of(const struct phase_plan *plan) {
    return PANEL / plan->pixels;
}

// Numbers that lie together in panels: of window row `y`, window column `x` and channel `c`, one
// for each of a panel's output channels.
struct tap {
    size_t y, x, c, panel;
};

// Where in the layer the weights of `tap` lie for output pixel `pixel` of those that count as one;
// those of the panel's other output channels are taps.out_step on. -1: nowhere, they are 0:
// the second pixel's taps begin a stride later.
static inline ptrdiff_t weight_offset(const struct phase_plan *plan, const struct tap *tap,
                                      size_t pixel) {
    const struct taps *taps = &plan->taps;
    const size_t stride = plan->stride_x / plan->pixels;
    const size_t width = plan->window_width - (plan->pixels - 1) * stride;
    const size_t x = tap->x - pixel * stride; // below 0: far to the right
    if (x >= width) {
        return -1;
    }
    return (ptrdiff_t)(tap->panel * lanes_of(plan) * taps->out_step + tap->c * taps->in_step) +
           (taps->first_y + (ptrdiff_t)tap->y * taps->each) * (ptrdiff_t)taps->side +
           taps->first_x + (ptrdiff_t)x * taps->each;
}

#endif
