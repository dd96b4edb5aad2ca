// Norms on the CPU: a block of rows from memory and back.
#include "ops/norm/blocks.h"

#include <string.h>

// The number at `offset` of a tensor.
static const void *numbers_at(const struct norm_layout *layout, const void *tensor, size_t offset) {
    return (const char *)tensor + offset * precision_size(layout->precision);
}

static void *target_at(const struct norm_layout *layout, void *tensor, size_t offset) {
    return (char *)tensor + offset * precision_size(layout->precision);
}

void norm_rows_statistics(const struct norm_layout *layout, const struct call *call, size_t first,
                          size_t end, size_t step, struct sums sums) {
    const size_t channels = layout->channels;
    memset(sums.first, 0, channels * sizeof *sums.first);
    memset(sums.second, 0, channels * sizeof *sums.second);
    for (size_t row = first; row < end; row += step) {
        const size_t rows = end - row < step ? end - row : step;
        norm_join_block(layout->precision, numbers_at(layout, call->in[0], row * channels), rows,
                        channels, row - first, sums);
    }
}

void norm_write_output(const struct norm_layout *layout, const struct call *call, size_t first,
                       size_t rows, struct norm_affine affine) {
    const size_t offset = first * layout->channels;
    norm_apply(layout->precision, numbers_at(layout, call->in[0], offset),
               layout->residual ? numbers_at(layout, call->in[1], offset) : NULL, rows,
               layout->channels, affine, layout->relu, target_at(layout, call->out, offset));
}

struct block norm_block_of(const struct norm_layout *layout, const struct call *call, size_t first,
                           size_t rows, struct norm_affine affine) {
    const size_t offset = first * layout->channels;
    struct block block = {.precision = layout->precision,
                          .first = offset,
                          .rows = rows,
                          .x = numbers_at(layout, call->in[0], offset),
                          .dy = numbers_at(layout, call->out_gradient, offset),
                          .mask = NORM_UNMASKED,
                          .affine = affine};
    if (layout->relu && layout->residual) {
        block.mask = NORM_MASK_BY_OUTPUT;
        block.y = numbers_at(layout, call->out, offset);
    } else if (layout->relu) {
        block.mask = NORM_MASK_BY_INPUT;
    }
    return block;
}

void norm_write_residual(const struct norm_layout *layout, const struct call *call,
                         struct block *block) {
    if (!layout->residual || call->in_gradient[1] == NULL) {
        return;
    }
    void *dz = target_at(layout, call->in_gradient[1], block->first);
    norm_mask(block, layout->channels, call->add[1], dz);
    if (!call->add[1]) { // what was just written is what the mask leaves
        block->dy = dz;
        block->mask = NORM_UNMASKED;
    }
}

void norm_write_input(const struct norm_layout *layout, const struct call *call,
                      const struct block *block, const struct factors *factors) {
    if (call->in_gradient[0] != NULL) {
        norm_input_gradient(block, factors, layout->channels, call->add[0],
                            target_at(layout, call->in_gradient[0], block->first));
    }
}
