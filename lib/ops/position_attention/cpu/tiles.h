// Tiles of position attention on the CPU: BLOCK x BLOCK numbers of the (pixels x pixels) matrix of
// one image, and the matrix products that make and use them, in float32 or, where the processor
// multiplies it, in bf16 with sums in float32.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CPU_TILES_H
#define PLEURA_OPS_POSITION_ATTENTION_CPU_TILES_H

#include "backend/backend.h"

#define POSITION_BLOCK 128 // pixels of a block

// The distance of a tile's rows, in numbers: an odd number of cache lines, so that all sets of a
// cache hold a column.
#define POSITION_STRIDE 144

// The panels that products read of an operand, which may be those of both: of 16 pixels, where it
// is the second factor of scores, and of 16 channels, where it is that of a product over pixels.
enum position_panels {
    POSITION_PIXEL_PANELS = 1,
    POSITION_CHANNEL_PANELS = 2,
    POSITION_BOTH_PANELS = 3
};

// What an operand is made of, and how products read it.
struct position_form {
    enum precision precision; // of the values
    bool bf16;                // products in bf16
    size_t pixels, width;
    enum position_panels panels;
};

// One image's q, v or gradient of y (pixels x width) in the orders that products read: as rows, and
// in the panels of its form; NULL: it has none of those.
struct position_operand {
    size_t pixels, width;
    bool bf16;
    const float *rows; // float32
    float *pixel_panels, *channel_panels;
    const uint16_t *bf16_rows; // bf16
    uint16_t *bf16_pixel_panels, *bf16_channel_panels;
};

#define POSITION_PANEL 16

// Floats of an accumulator's row: the width, rounded up to whole panels.
static inline size_t position_accumulator_width(size_t width) {
    return (width + POSITION_PANEL - 1) / POSITION_PANEL * POSITION_PANEL;
}

// Where in a block of accumulators the panel of a row begins. Products in float32 make one panel of
// all rows after the other, and it lies together, so that processors foresee what is read next;
// those in bf16 have rows.
static inline size_t position_accumulator_at(bool bf16, size_t width, size_t row, size_t panel) {
    return bf16 ? row * position_accumulator_width(width) + panel * POSITION_PANEL
                : (panel * POSITION_BLOCK + row) * POSITION_PANEL;
}

// Whether products of such widths of q and v are in bf16.
bool position_multiplies_bf16(enum precision precision, size_t keys, size_t channels);

// Bytes of memory that an operand needs.
size_t position_operand_bytes(const struct position_form *form);

// Makes an operand of the image whose values (pixels x width) lie at `values`, in
// position_operand_bytes of memory, by `threads` threads.
struct position_operand position_operand_make(const struct position_form *form, const void *values,
                                              void *memory, int threads);

// Which part of the matrix a tile covers: `rows` from pixel `row` on against `columns` from pixel
// `column` on. `row` and `column` are multiples of POSITION_BLOCK, the counts at most that.
struct position_tile {
    size_t row, rows, column, columns;
    uint16_t *rounded; // memory for POSITION_BLOCK x POSITION_BLOCK numbers of bf16
};

// scores = a b^T.
void position_tile_scores(const struct position_tile *tile, const struct position_operand *a,
                          const struct position_operand *b, float *scores);

// sums (rows x width) += values b, where `values` is a tile,
void position_tile_product(const struct position_tile *tile, const float *values,
                           const struct position_operand *b, float *sums);
// and sums (columns x width) += values^T b.
void position_tile_transposed_product(const struct position_tile *tile, const float *values,
                                      const struct position_operand *b, float *sums);

// The same of values in bf16: in rows of `step` numbers, or, to be transposed, in pairs of rows,
// (row / 2, `step` columns, row % 2).
void position_tile_bf16_product(const struct position_tile *tile, const uint16_t *values,
                                size_t step, const struct position_operand *b, float *sums);
void position_tile_bf16_transposed_product(const struct position_tile *tile, const uint16_t *values,
                                           size_t step, const struct position_operand *b,
                                           float *sums);

#endif
