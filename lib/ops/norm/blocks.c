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
    norm_apply(x, residual, rows, layout->channels, affine, layout->relu, y);
    cpu_write(layout->precision, call->out, offset, count, y);
}

void norm_read_block(const struct norm_layout *layout, const struct call *call, size_t first,
                     size_t rows, struct norm_affine affine, struct block *block) {
    const enum precision precision = layout->precision;
    const size_t count = rows * layout->channels;
    block->rows = rows;
    block->first = first * layout->channels;
    block->affine = affine;
    block->x = cpu_read(precision, call->in[0], block->first, count, block->of_x);
    block->dy = cpu_read(precision, call->out_gradient, block->first, count, block->of_dy);
    block->y = NULL;
    block->mask = NORM_UNMASKED;
    if (layout->relu && layout->residual) {
        block->mask = NORM_MASK_BY_OUTPUT;
        block->y = cpu_read(precision, call->out, block->first, count, block->of_y);
    } else if (layout->relu) {
        block->mask = NORM_MASK_BY_INPUT;
    }
}

void norm_write_residual(const struct norm_layout *layout, const struct call *call,
                         struct block *block) {
    if (!layout->residual || call->in_gradient[1] == NULL) {
        return;
    }
    const enum precision precision = layout->precision;
    const size_t count = block->rows * layout->channels;
    const bool in_place = precision == PRECISION_F32 && !call->add[1];
    float *dz = in_place ? (float *)call->in_gradient[1] + block->first : block->of_dy;
    norm_mask(block, layout->channels, dz);
    block->dy = dz;
    block->mask = NORM_UNMASKED;
    if (call->add[1]) {
        float temporary[NORM_BLOCK];
        float *to =
            cpu_target(precision, call->in_gradient[1], block->first, count, true, temporary);
        cpu_add_multiple(dz, 1, count, to);
        cpu_write(precision, call->in_gradient[1], block->first, count, to);
    } else {
        cpu_write(precision, call->in_gradient[1], block->first, count, dz);
    }
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
