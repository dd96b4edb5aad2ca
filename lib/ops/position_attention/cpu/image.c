// Where an image's blocks are in memory.
#include "ops/position_attention/cpu/image.h"

#include "backend/cpu/cpu.h"

#define BLOCK POSITION_BLOCK
#define TILE ((size_t)BLOCK * POSITION_STRIDE)
#define BF16_TILE ((size_t)BLOCK * BLOCK)

// Floats of a workspace: three tiles, four of bf16, and a block's values; in whole cache lines.
static size_t workspace_floats(const struct position_plan *plan) {
    const size_t floats = 3 * TILE + 2 * BF16_TILE + BLOCK * (2 * plan->channels + plan->keys);
    return (floats + 15) / 16 * 16;
}

size_t position_workspace_bytes(const struct position_plan *plan) {
    return (size_t)plan->threads * workspace_floats(plan) * sizeof(float);
}

struct position_workspace position_workspace_of(const struct call *call, int thread) {
    float *memory = (float *)call->scratch + (size_t)thread * workspace_floats(call->state);
    uint16_t *bf16 = (uint16_t *)(void *)(memory + 3 * TILE);
    return (struct position_workspace){
        .tiles = {memory, memory + TILE, memory + 2 * TILE},
        .bf16 = {bf16, bf16 + BF16_TILE, bf16 + 2 * BF16_TILE, bf16 + 3 * BF16_TILE},
        .values = memory + 3 * TILE + 2 * BF16_TILE};
}

static size_t pixels_of_block(const struct position_plan *plan, size_t block) {
    const size_t left = plan->pixels - block * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

struct position_tile position_tile_of(const struct position_plan *plan, size_t block, size_t other,
                                      const struct position_workspace *workspace) {
    return (struct position_tile){.row = block * BLOCK,
                                  .rows = pixels_of_block(plan, block),
                                  .column = other * BLOCK,
                                  .columns = pixels_of_block(plan, other),
                                  .rounded = workspace->bf16[0]};
}

struct position_form position_image_form(const struct position_plan *plan, size_t width,
                                         enum position_panels panels) {
    return (struct position_form){plan->precision, plan->bf16, plan->pixels, width, panels};
}

struct position_operand position_image_operand(const struct position_plan *plan,
                                               const struct position_form *form, const void *values,
                                               size_t image, void *memory) {
    const size_t bytes = plan->pixels * form->width * precision_size(plan->precision);
    return position_operand_make(form, (const char *)values + image * bytes, memory, plan->threads);
}

size_t position_accumulator_floats(const struct position_plan *plan, size_t width) {
    return plan->blocks * BLOCK * position_accumulator_width(width);
}

void position_store_block(const struct position_plan *plan, const float *accumulators, size_t image,
                          size_t block, size_t width, bool add, void *value, float *memory) {
    const size_t leading = position_accumulator_width(width);
    const size_t rows = pixels_of_block(plan, block);
    const size_t first = (image * plan->pixels + block * BLOCK) * width;
    const float *from = accumulators + block * BLOCK * leading;
    float *to = cpu_target(plan->precision, value, first, rows * width, add, memory);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < width; c++) {
            const size_t panel =
                position_accumulator_at(plan->bf16, width, row, c / POSITION_PANEL);
            to[row * width + c] += from[panel + c % POSITION_PANEL];
        }
    }
    cpu_write(plan->precision, value, first, rows * width, to);
}
