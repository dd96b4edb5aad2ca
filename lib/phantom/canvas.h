// What phantoms are drawn with: strokes and blobs on full-size layers, outlines as distances on a
// coarse grid, value noise. Positions and lengths are fractions of the image's side, x to the
// right, y down, so that a drawing does not depend on the side.
#ifndef PLEURA_PHANTOM_CANVAS_H
#define PLEURA_PHANTOM_CANVAS_H

#include <stddef.h>
#include <stdint.h>

// Sums of brightness, side x side, row-major.
struct layer {
    float *values;
    size_t side;
};

// How a stroke's brightness runs across it.
enum stroke_profile {
    PROFILE_SOFT,     // a smooth ridge
    PROFILE_BONE,     // flat with brighter edges (cortex)
    PROFILE_CYLINDER, // the chord through a cylinder
    PROFILE_FLAT,     // flat with crisp edges
    PROFILE_TUBE,     // two walls and little between
    PROFILE_FOLD,     // rises from the left of its direction, ends sharply at the right
};

struct stroke_point {
    float x, y;
    float radius;   // half width
    float strength; // brightness added; negative darkens
};

// Adds a polyline; radius and strength run linearly between its points. Strokes narrower than a
// pixel are a pixel wide and fainter.
void layer_stroke(struct layer *layer, const struct stroke_point *points, size_t count,
                  enum stroke_profile profile);

// Adds an ellipse with half axes a (along the direction `radians`) and b; `edge` in 0..1 is the
// part of the half axis over which it fades.
void layer_blob(struct layer *layer, float x, float y, float a, float b, float radians,
                float strength, float edge);

// Values at (GRID_CELLS + 1)^2 nodes that span the image, row-major.
#define GRID_CELLS 128
#define GRID_NODES (GRID_CELLS + 1)
#define GRID_SIZE ((size_t)GRID_NODES * GRID_NODES)

#define OUTLINE_MAX 192

// A closed polygon.
struct outline {
    float x[OUTLINE_MAX], y[OUTLINE_MAX];
    size_t count;
};

// The closed Catmull-Rom curve through `count` knots (x, y); at most OUTLINE_MAX / 6 of them.
void outline_through(struct outline *outline, const float (*knots)[2], size_t count);

// The distance of each node to the outline, positive inside.
void grid_distance(float *grid, const struct outline *outline);

// One image row (y = (row + 0.5) / side) of a grid, bilinear, `side` values.
void grid_row(float *out, const float *grid, size_t row, size_t side);

#define NOISE_CELLS_MAX 192

// Value noise in -1..1 with `cells` cells a side, NOISE_CELLS_MAX at most: (cells + 1)^2 lattice
// values.
void noise_fill(float *lattice, size_t cells, uint64_t seed, uint64_t index);

// One image row of the noise, times `strength`: `side` values.
void noise_row(float *out, const float *lattice, size_t cells, float strength, size_t row,
               size_t side);

#endif
