// Norms on the CPU: a block of rows from memory and back.
#include "ops/norm/blocks.h"

#include "backend/cpu/cpu.h"
#include "ops/cpu_operation.h"

#include <string.h>

void norm_rows_statistics(const struct norm_layout *layout, const struct call *call, size_t first,
                          size_t end, size_t step, struct sums sums) {
    const size_t channels = layout->channels;
    float temporary[NORM_BLOCK];
    memset(sums.first, 0, channels * sizeof *sums.first);
    memset(sums.second, 0, channels * sizeof *sums.second);
    for (size_t row = first; row < end; row += step) {
        const size_t rows = end - row < step ? end - row : step;
        const float *x =
            cpu_read(layout->precision, call->in[0], row * channels, rows * channels, temporary);
        norm_join_block(x, rows, channels, row - first, sums);
    }
}

void norm_write_output(const struct norm_layout *layout, const struct call *call, size_t first,
                       size_t rows, struct norm_affine affine) {
    const size_t offset = first * layout->channels;
    const size_t count = rows * layout->channels;
    float of_x[NORM_BLOCK];
    float of_residual[NORM_BLOCK];
    float of_y[NORM_BLOCK];
    const float *x = cpu_read(layout->precision, call->in[0], offset, count, of_x);
    const float *residual =
        layout->residual ? cpu_read(layout->precision, call->in[1], offset, count, of_residual)
                         : NULL;
    float *y = layout->precision == PRECISION_F32 ? (float *)call->out + offset : of_y;
    norm_apply(x, residual, rows, layout->channels, affine.mean, affine.scale, affine.shift,
               layout->relu, y);
    cpu_write(layout->precision, call->out, offset, count, y);
}

void norm_read_block(const struct norm_layout *layout, const struct call *call, size_t first,
                     size_t rows, struct norm_affine affine, struct block *block) {
    const size_t count = rows * layout->channels;
    float temporary[NORM_BLOCK];
    block->rows = rows;
    block->first = first * layout->channels;
    block->x = cpu_read(layout->precision, call->in[0], block->first, count, block->of_x);
    const float *dy =
        cpu_read(layout->precision, call->out_gradient, block->first, count, temporary);
    if (!layout->relu) {
        memcpy(block->dz, dy, count * sizeof *dy);
    } else if (layout->residual) {
        float of_y[NORM_BLOCK];
        const float *y = cpu_read(layout->precision, call->out, block->first, count, of_y);
        norm_mask_by_output(dy, y, count, block->dz);
    } else {
        norm_mask_by_input(dy, block->x, affine.mean, affine.scale, affine.shift, rows,
                           layout->channels, block->dz);
    }
}

void norm_write_residual(const struct norm_layout *layout, const struct call *call,
                         const struct block *block) {
    if (!layout->residual || call->in_gradient[1] == NULL) {
        return;
    }
    const size_t count = block->rows * layout->channels;
    float temporary[NORM_BLOCK];
    float *to = cpu_target(layout->precision, call->in_gradient[1], block->first, count,
                           call->add[1], temporary);
    cpu_add_multiple(block->dz, 1, count, to);
    cpu_write(layout->precision, call->in_gradient[1], block->first, count, to);
}

void norm_write_input(const struct norm_layout *layout, const struct call *call,
                      const struct block *block, const struct factors *factors) {
    if (call->in_gradient[0] == NULL) {
        return;
    }
    const size_t count = block->rows * layout->channels;
    float temporary[NORM_BLOCK];
    float *dx = (float *)call->in_gradient[0] + block->first;
    if (layout->precision != PRECISION_F32) {
        dx = temporary;
        if (call->add[0]) {
            (void)cpu_read(layout->precision, call->in_gradient[0], block->first, count, dx);
        }
    }
    norm_input_gradient(block, factors, layout->channels, call->add[0], dx);
    cpu_write(layout->precision, call->in_gradient[0], block->first, count, dx);
}
