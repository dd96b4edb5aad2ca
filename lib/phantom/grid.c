// Outlines as distances on a coarse grid, and value noise on a lattice.
#include "core/simd.h"
#include "phantom/canvas.h"
#include "phantom/math.h"

#define STEPS 6

static float spline(float a, float b, float c, float d, float t) {
    return b +
           0.5f * t *
               (c - a + t * (2.0f * a - 5.0f * b + 4.0f * c - d + t * (3.0f * (b - c) + d - a)));
}

void outline_through(struct outline *outline, const float (*knots)[2], size_t count) {
    outline->count = 0;
    for (size_t i = 0; i < count && outline->count + STEPS <= OUTLINE_MAX; i++) {
        const float *a = knots[(i + count - 1) % count], *b = knots[i];
        const float *c = knots[(i + 1) % count], *d = knots[(i + 2) % count];
        for (int step = 0; step < STEPS; step++) {
            const float t = (float)step / STEPS;
            outline->x[outline->count] = spline(a[0], b[0], c[0], d[0], t);
            outline->y[outline->count] = spline(a[1], b[1], c[1], d[1], t);
            outline->count++;
        }
    }
}

// One row of nodes against one edge: the least squared distance, and whether a ray to the right
// crossed an odd number of edges (as +1 or -1, so that it stays a float).
VECTORISED static void row_edge(float *restrict nearest, float *restrict sign, float y, float ax,
                                float ay, float bx, float by) {
    const float dx = bx - ax, dy = by - ay;
    const float length = larger(dx * dx + dy * dy, 1e-12f);
    const bool spans = (ay > y) != (by > y);
    const float crossing = spans ? ax + (y - ay) / (by - ay) * dx : -1e9f;
    for (int i = 0; i < GRID_NODES; i++) {
        const float x = (float)i * (1.0f / GRID_CELLS);
        const float px = x - ax, py = y - ay;
        const float t = clamp01((px * dx + py * dy) / length);
        const float ex = px - t * dx, ey = py - t * dy;
        nearest[i] = smaller(nearest[i], ex * ex + ey * ey);
        sign[i] = x < crossing ? -sign[i] : sign[i];
    }
}

void grid_distance(float *grid, const struct outline *outline) {
    for (size_t row = 0; row < GRID_NODES; row++) {
        float *nearest = grid + row * GRID_NODES;
        float sign[GRID_NODES];
        const float y = (float)row * (1.0f / GRID_CELLS);
        for (int i = 0; i < GRID_NODES; i++) {
            nearest[i] = 1e9f;
            sign[i] = -1.0f;
        }
        for (size_t i = 0; i < outline->count; i++) {
            const size_t next = i + 1 < outline->count ? i + 1 : 0;
            row_edge(nearest, sign, y, outline->x[i], outline->y[i], outline->x[next],
                     outline->y[next]);
        }
        for (int i = 0; i < GRID_NODES; i++) {
            nearest[i] = sign[i] * sqrtf(nearest[i]);
        }
    }
}

VECTORISED void grid_row(float *out, const float *grid, size_t row, size_t side) {
    float nodes[GRID_NODES];
    const float step = (float)GRID_CELLS / (float)side;
    const float y = ((float)row + 0.5f) * step;
    const size_t above = (size_t)y;
    const float *upper = grid + above * GRID_NODES, *lower = upper + GRID_NODES;
    const float fraction = y - (float)above;
    for (int i = 0; i < GRID_NODES; i++) {
        nodes[i] = between(upper[i], lower[i], fraction);
    }
    for (size_t column = 0; column < side; column++) {
        const float x = ((float)(int)column + 0.5f) * step;
        const int before = (int)x;
        out[column] = between(nodes[before], nodes[before + 1], x - (float)before);
    }
}

void noise_fill(float *lattice, size_t cells, uint64_t seed, uint64_t index) {
    struct random random = random_seed(seed, cells, index);
    for (size_t i = 0; i < (cells + 1) * (cells + 1); i++) {
        lattice[i] = (float)(random_next(&random) >> 40) * 0x1p-23f - 1.0f;
    }
}

VECTORISED void noise_row(float *out, const float *lattice, size_t cells, float strength,
                          size_t row, size_t side) {
    float nodes[NOISE_CELLS_MAX + 1];
    const float step = (float)cells / (float)side;
    const float y = ((float)row + 0.5f) * step;
    const size_t above = (size_t)y;
    const float *upper = lattice + above * (cells + 1), *lower = upper + cells + 1;
    const float down = smooth01(y - (float)above);
    for (size_t i = 0; i <= cells; i++) {
        nodes[i] = strength * between(upper[i], lower[i], down);
    }
    for (size_t column = 0; column < side; column++) {
        const float x = ((float)(int)column + 0.5f) * step;
        const int before = (int)x;
        const float fraction = x - (float)before,
                    t = fraction * fraction * (3.0f - 2.0f * fraction);
        out[column] = between(nodes[before], nodes[before + 1], t);
    }
}
