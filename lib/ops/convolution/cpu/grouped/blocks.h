// Blocks of a grouped convolution's output: which there are, and what of the image each one reads.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_GROUPED_BLOCKS_H
#define PLEURA_OPS_CONVOLUTION_CPU_GROUPED_BLOCKS_H

#include "ops/convolution/cpu/grouped/grouped.h"
#include "ops/convolution/cpu/grouped/lanes.h"

struct grouped_layer grouped_layer_of(const struct phase_plan *plan);

// Pairs of an image's output rows; the last one may be a single row.
size_t grouped_row_pairs(const struct phase_plan *plan);

// Slabs of channels.
size_t grouped_slabs(const struct phase_plan *plan);

// Calls `function` for all blocks of an image's pair of rows in a slab, from left to right.
typedef void grouped_function(const void *context, const struct grouped_block *block, float *tile);
void grouped_each_block(const struct phase_plan *plan, size_t image, size_t pair, size_t slab,
                        grouped_function *function, const void *context, float *tile);

#endif
