// The geometry of blocks.
#include "ops/convolution/cpu/grouped/blocks.h"
#include "core/numbers/size.h"

struct grouped_layer grouped_layer_of(const struct phase_plan *plan) {
    struct grouped_layer layer = {.precision = plan->precision,
                                  .width = plan->group_width,
                                  .window_height = plan->window_height,
                                  .window_width = plan->window_width,
                                  .stride = plan->stride_y,
                                  .tap_row = plan->width * plan->channels,
                                  .tap = plan->channels,
                                  .out_row = plan->out_row,
                                  .out_pixel = plan->out_pixel};
    layer.kernel = plan->lanes->kernel(&layer);
    return layer;
}

size_t grouped_row_pairs(const struct phase_plan *plan) {
    return (plan->rows + GROUPED_ROWS - 1) / GROUPED_ROWS;
}

size_t grouped_slabs(const struct phase_plan *plan) {
    return (plan->channels + plan->slab - 1) / plan->slab;
}

// Which of `count` places from `first` on lie from 0 to `side`, as bits.
static uint64_t inside(ptrdiff_t first, size_t count, size_t side) {
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        const ptrdiff_t at = first + (ptrdiff_t)i;
        bits |= (uint64_t)(at >= 0 && at < (ptrdiff_t)side) << i;
    }
    return bits;
}

// The rows that the pair of rows below reads and this one does not, from row `below` on, as far as
// there are any; of as many pixels as the block's output has in the input.
static void set_fetched(const struct phase_plan *plan, size_t image, ptrdiff_t below, size_t column,
                        struct grouped_block *block) {
    const size_t first = column * plan->stride_x;
    if (below < 0 || below >= (ptrdiff_t)plan->height || first >= plan->width) {
        return;
    }
    block->fetched_rows = size_min(GROUPED_ROWS * plan->stride_y, plan->height - (size_t)below);
    block->fetched_pixels = size_min(block->pixels * plan->stride_x, plan->width - first);
    block->fetched =
        ((image * plan->height + (size_t)below) * plan->width + first) * plan->channels;
}

// The rows of a window's reach that are inside of the image, as bits, but for those that only rows
// of the pair see which are not made.
static uint64_t rows_inside(const struct phase_plan *plan, const struct grouped_block *block,
                            ptrdiff_t top) {
    const size_t reach = (block->rows - 1) * plan->stride_y + plan->window_height;
    const size_t passed = block->first_row * plan->stride_y;
    return inside(top, reach, plan->height) >> passed << passed;
}

void grouped_each_block(const struct phase_plan *plan, const struct grouped_part *part,
                        grouped_function *function, const void *context, float *tile) {
    const size_t image = part->image;
    const size_t row = part->pair * GROUPED_ROWS;
    const size_t channel = part->slab * plan->slab;
    const size_t pixels = plan->lanes->pixels;
    const ptrdiff_t top = (ptrdiff_t)(row * plan->stride_y) + plan->top;
    const size_t reach = (GROUPED_ROWS - 1) * plan->stride_y + plan->window_height; // rows
    const size_t across = (pixels - 1) * plan->stride_x + plan->window_width;
    struct grouped_block block = {.channel = channel,
                                  .vectors = size_min(plan->slab, plan->channels - channel) /
                                             plan->lanes->lanes,
                                  .first_row = part->first > row ? part->first - row : 0,
                                  .rows = size_min(GROUPED_ROWS, part->end - row)};
    block.rows_inside = rows_inside(plan, &block, top);
    for (size_t column = 0; column < plan->columns; column += pixels) {
        const ptrdiff_t left = (ptrdiff_t)(column * plan->stride_x) + plan->left;
        block.pixels = size_min(pixels, plan->columns - column);
        block.columns_inside = inside(left, across, plan->width);
        block.input = (((ptrdiff_t)(image * plan->height) + top) * (ptrdiff_t)plan->width + left) *
                      (ptrdiff_t)plan->channels;
        block.output = image * plan->out_image + row * plan->out_row + column * plan->out_pixel;
        block.pixels_right = size_min(pixels, plan->columns - column - block.pixels);
        block.fetched_rows = 0;
        if (row + GROUPED_ROWS < part->end) {
            set_fetched(plan, image, top + (ptrdiff_t)reach, column, &block);
        }
        function(context, &block, tile);
    }
}
