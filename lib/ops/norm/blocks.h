// Norms on the CPU: a block of rows from memory and back, in the network's precision.
#ifndef PLEURA_OPS_NORM_BLOCKS_H
#define PLEURA_OPS_NORM_BLOCKS_H

#include "backend/backend.h"
#include "nn/operation.h"
#include "ops/norm/rows.h"

// What a norm's tensors are.
struct norm_layout {
    size_t channels; // of a row
    enum precision precision;
    bool relu, residual;
};

// The input's mean and sum of squared differences of rows first to end - 1, taken `step` at once,
// at most NORM_BLOCK numbers.
void norm_rows_statistics(const struct norm_layout *layout, const struct call *call, size_t first,
                          size_t end, size_t step, struct sums sums);

// The output of `rows` rows from `first` on.
void norm_write_output(const struct norm_layout *layout, const struct call *call, size_t first,
                       size_t rows, struct norm_affine affine);

// Of these rows the input, and the output's gradient with what masks it.
struct block norm_block_of(const struct norm_layout *layout, const struct call *call, size_t first,
                           size_t rows, struct norm_affine affine);

// Writes, or adds to what is there, the block's gradient of the residual, where there is one and it
// is wanted. To be called before norm_write_input, which may write over the output's gradient; the
// block's gradient is masked, or is so by what the block says, then.
void norm_write_residual(const struct norm_layout *layout, const struct call *call,
                         struct block *block);

// Likewise the block's gradient of the input, where it is wanted.
void norm_write_input(const struct norm_layout *layout, const struct call *call,
                      const struct block *block, const struct factors *factors);

#endif
