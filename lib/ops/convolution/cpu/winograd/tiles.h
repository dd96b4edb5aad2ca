// Winograd's method: where tiles lie, and their transforms.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_TILES_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_TILES_H

#include "ops/convolution/cpu/winograd/winograd.h"

#define LANES WINOGRAD_LANES
#define MAX_TILE 4 // outputs in one direction
#define MAX_SPAN 6 // inputs, and points
#define MAX_POINTS (MAX_SPAN * MAX_SPAN)

static inline size_t span_of(size_t tile) {
    return tile + 2;
}

static inline size_t points_of(size_t tile) {
    return span_of(tile) * span_of(tile);
}

// Tiles of all images, row by row.
struct tiles {
    size_t down, across; // of one image
};

static inline struct tiles tiles_of(const struct winograd *shape, size_t tile) {
    return (struct tiles){(shape->height + tile - 1) / tile, (shape->width + tile - 1) / tile};
}

static inline size_t tile_count(const struct winograd *shape, size_t tile) {
    const struct tiles tiles = tiles_of(shape, tile);
    return shape->images * tiles.down * tiles.across;
}

// Where a tile's outputs begin.
struct corner {
    size_t image, y, x;
};

static inline struct corner corner_of(const struct winograd *shape, size_t tile, size_t index) {
    const struct tiles tiles = tiles_of(shape, tile);
    return (struct corner){index / tiles.across / tiles.down,
                           index / tiles.across % tiles.down * tile, index % tiles.across * tile};
}

#define NOWHERE SIZE_MAX

// Where pixels of activations have their first channel: NOWHERE outside of the image.
struct pixels {
    enum precision precision;
    size_t offset[MAX_POINTS];
};

// The `side` x `side` pixels from (y, x) on, less `before`.
static inline void find_pixels(const struct winograd *shape, struct corner from, size_t before,
                               size_t side, size_t channels, struct pixels *found) {
    found->precision = shape->precision;
    for (size_t i = 0; i < side; i++) {
        for (size_t k = 0; k < side; k++) {
            const size_t y = from.y + i - before; // below 0: far outside
            const size_t x = from.x + k - before;
            const bool inside = y < shape->height && x < shape->width;
            found->offset[i * side + k] =
                inside ? ((from.image * shape->height + y) * shape->width + x) * channels : NOWHERE;
        }
    }
}

// ---- transforms. Numbers at the points lie `step` floats apart. Pixels of the tile that comes
// `next` are fetched into the cache meanwhile: they are more streams than a processor foresees.

// Of tiles of 4 or 2: span x span input pixels.
void transform_input(size_t tile, const void *input, const struct pixels *pixels,
                     const struct pixels *next, size_t channels, float *to, size_t step);

// 3 x 3 weights of LANES channels.
void transform_weights(size_t tile, const float weights[9][LANES], float *to, size_t step);

// LANES channels, from `channel` on, of tile x tile output pixels: sums at the points, with the
// epilogue.
void transform_output(size_t tile, const float *from, size_t step, struct epilogue epilogue,
                      size_t channel, void *output, const struct pixels *pixels,
                      const struct pixels *next);

#endif
