// Inside Winograd's method: where tiles lie, and their transforms.
#ifndef PLEURA_BACKEND_CPU_WINOGRAD_TILES_H
#define PLEURA_BACKEND_CPU_WINOGRAD_TILES_H

#include "backend/cpu_winograd.h"

#define LANES WINOGRAD_LANES
#define POINTS WINOGRAD_POINTS
#define TILE 4 // outputs in one direction
#define SPAN 6 // inputs, and points

// Tiles of all images, row by row.
struct tiles {
    size_t down, across; // of one image
};

static inline struct tiles tiles_of(const struct winograd *shape) {
    return (struct tiles){(shape->height + TILE - 1) / TILE, (shape->width + TILE - 1) / TILE};
}

static inline size_t tile_count(const struct winograd *shape) {
    const struct tiles tiles = tiles_of(shape);
    return shape->images * tiles.down * tiles.across;
}

// Where a tile's outputs begin.
struct corner {
    size_t image, y, x;
};

static inline struct corner corner_of(const struct winograd *shape, size_t tile) {
    const struct tiles tiles = tiles_of(shape);
    return (struct corner){tile / tiles.across / tiles.down,
                           tile / tiles.across % tiles.down * TILE, tile % tiles.across * TILE};
}

// The pixels of `side` x `side` from (y, x) on, less `before`: where their channels begin, NULL
// outside of the image.
static inline void find_pixels(const struct winograd *shape, struct corner at, size_t before,
                               size_t side, size_t channels, const float *image,
                               const float **pixels) {
    image += at.image * shape->height * shape->width * channels;
    for (size_t i = 0; i < side; i++) {
        for (size_t k = 0; k < side; k++) {
            const size_t y = at.y + i - before; // below 0: far outside
            const size_t x = at.x + k - before;
            const bool inside = y < shape->height && x < shape->width;
            pixels[i * side + k] = inside ? image + (y * shape->width + x) * channels : NULL;
        }
    }
}

// ---- transforms. Numbers at the points lie `step` floats apart; pixels are where their channels
// begin, NULL for 0 outside of the image.

// SPAN x SPAN input pixels.
void take_input(const float *const pixels[SPAN * SPAN], size_t channels, float *to, size_t step);

// TILE x TILE pixels of the output's gradient.
void take_gradient(const float *const pixels[TILE * TILE], size_t channels, float *to, size_t step);

// 3 x 3 weights of LANES channels.
void take_weights(const float weights[9][LANES], float *to, size_t step);

// LANES channels, from `channel` on, of TILE x TILE output pixels: sums at the points, finished.
void give_output(const float *from, size_t step, struct finish finish, size_t channel,
                 float *const pixels[TILE * TILE]);

// The gradients of 3 x 3 weights of LANES channels.
void give_weights(const float *from, size_t step, float weights[9][LANES]);

#endif
