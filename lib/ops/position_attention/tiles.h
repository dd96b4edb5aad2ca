// Tiles of the position attention on the CPU: BLOCK x BLOCK numbers of the (pixels x pixels)
// matrix, the products that make them and use them, in float32 or, where the processor multiplies
// it, in bf16 with sums in float32.
#ifndef PLEURA_OPS_POSITION_ATTENTION_TILES_H
#define PLEURA_OPS_POSITION_ATTENTION_TILES_H

#include "backend/backend.h"

#define BLOCK 128 // pixels; a tile's rows are as far apart

// One image's q, v or gradient of y, ready for products: as it lies, in panels of 16 pixels for
// products over the width, and in panels of 16 channels for products over pixels.
struct operand {
    size_t pixels, width;
    bool half;
    const float *rows; // float32
    float *across, *down;
    const uint16_t *halves; // bf16
    uint16_t *packed_across, *packed_down;
};

// Rows of accumulators are so many floats apart.
static inline size_t accumulator_width(size_t width) {
    return (width + 15) / 16 * 16;
}

// Whether such operands are multiplied in bf16.
bool operand_half(enum precision precision, size_t keys, size_t channels);

// Bytes of memory that an operand needs.
size_t operand_room(enum precision precision, bool half, size_t pixels, size_t width);

// The image that lies at `numbers`, made ready by `threads` threads.
struct operand operand_make(enum precision precision, bool half, const void *numbers, size_t pixels,
                            size_t width, void *room, int threads);

// A part of the matrix: `rows` from pixel `first` on against `columns` from `column` on, both
// multiples of BLOCK and at most BLOCK; `spare` holds BLOCK x BLOCK numbers of bf16.
struct part {
    size_t first, rows, column, columns;
    uint16_t *spare;
};

// tile = a b^T.
void tile_scores(const struct part *part, const struct operand *a, const struct operand *b,
                 float *tile);

// made (rows x width) += tile b, and made (columns x width) += tile^T b.
void tile_product(const struct part *part, const float *tile, const struct operand *b, float *made);
void tile_turned_product(const struct part *part, const float *tile, const struct operand *b,
                         float *made);

#endif
