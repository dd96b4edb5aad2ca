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

// Some output rows of an image, on which a pair of rows and a slab are worked on: a number's bytes
// depend on which row of a pair it is in, so a pair always begins at an even row, of which only
// those from `first` on, before `end`, are made. No rows are read but those that these reach for.
struct grouped_part {
    size_t image, pair, slab;
    size_t first, end; // rows; all: 0, plan->rows
};

// Calls `function` for all blocks of a part, from left to right.
typedef void grouped_function(const void *context, const struct grouped_block *block, float *tile);
void grouped_each_block(const struct phase_plan *plan, const struct grouped_part *part,
                        grouped_function *function, const void *context, float *tile);

#endif
