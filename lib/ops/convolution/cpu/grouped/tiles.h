// Tiles of a grouped convolution: what is read of the image for one, copied with its borders.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_GROUPED_TILES_H
#define PLEURA_OPS_CONVOLUTION_CPU_GROUPED_TILES_H

#include "ops/convolution/cpu/grouped/grouped.h"

// Some rows of output in some channels of one image.
struct grouped_tile {
    size_t image, row, rows, channel, channels;
};

// How many tiles an image's rows and channels make, and tile `index` of all images; those of the
// same rows follow each other.
size_t grouped_row_tiles(const struct phase_plan *plan);
size_t grouped_slabs(const struct phase_plan *plan);
struct grouped_tile grouped_tile_at(const struct phase_plan *plan, size_t row_tile, size_t slab);

// The channels of the widest tile.
size_t grouped_widest(const struct phase_plan *plan);

// Floats of a row that is read for a tile, and of all rows of the largest.
size_t grouped_row_floats(const struct phase_plan *plan, size_t channels);
size_t grouped_input_floats(const struct phase_plan *plan);

// Copies what the tile's windows read: rows x columns x the tile's channels.
void grouped_read_input(const struct phase_plan *plan, const struct grouped_tile *tile,
                        const void *input, float *to);

// `count` pixels of some channels out of those of an image, and back; `step` numbers from a pixel
// to the next. The channels are a multiple of 8.
void grouped_read_pixels(enum precision precision, const void *numbers, size_t first, size_t step,
                         size_t count, size_t channels, float *to);
void grouped_write_pixels(enum precision precision, void *numbers, size_t first, size_t step,
                          size_t count, size_t channels, const float *from);

#endif
