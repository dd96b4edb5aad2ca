// Pyramid pooling as matrices: along each axis of n pixels, pooling to a grid's cells and
// interpolating them are both linear. For all backends.
#ifndef PLEURA_OPS_PYRAMID_POOL_MATRICES_H
#define PLEURA_OPS_PYRAMID_POOL_MATRICES_H

#include "core/device.h"
#include "core/error.h"

#include <stddef.h>

#define PYRAMID_GRIDS 4
#define PYRAMID_MAX_CELLS 6 // along a side, of the finest grid

// Cells along a side of a grid: 6, 3, 2, 1.
ON_DEVICE static inline unsigned pyramid_cells(unsigned grid) {
    return grid == 0 ? PYRAMID_MAX_CELLS : PYRAMID_GRIDS - grid;
}

// The cells of an axis of n pixels are means of windows, in steps.
static inline size_t pyramid_step(size_t n, size_t cells) {
    return n / cells;
}

static inline size_t pyramid_window(size_t n, size_t cells) {
    return n - pyramid_step(n, cells) * (cells - 1);
}

// Fills a grid's two matrices of an axis, cells x n each, which hold zeros: pooled = down x, and x
// interpolated = up^T pooled. False with *error without memory.
CHECKED bool pyramid_matrices(float *down, float *up, size_t n, size_t cells, struct error *error);

#endif
