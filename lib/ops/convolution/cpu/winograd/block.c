// A block of tiles.
#include "ops/convolution/cpu/winograd/block.h"

#include "backend/cpu/products/f32.h"
#include "core/numbers/size.h"
#include "ops/convolution/cpu/winograd_int16/output.h"

// Panels of output channels that an item has at most.
static size_t share_of(const struct winograd *shape, size_t runs) {
    return size_divide_up(shape->out_channels / LANES,
                          size_divide_up((size_t)shape->threads, runs));
}

size_t winograd_items(const struct winograd *shape, size_t together) {
    const size_t runs = size_divide_up(tile_count(shape, shape->tile), together);
    return runs * size_divide_up(shape->out_channels / LANES, share_of(shape, runs));
}

struct winograd_item winograd_item(const struct winograd *shape, size_t together, size_t number) {
    const size_t tiles = tile_count(shape, shape->tile);
    const size_t panels = shape->out_channels / LANES;
    const size_t share = share_of(shape, size_divide_up(tiles, together));
    const size_t shares = size_divide_up(panels, share);
    const size_t first = number / shares * together;
    const size_t panel = number % shares * share;
    return (struct winograd_item){first, size_min(tiles - first, together), panel,
                                  size_min(panel + share, panels)};
}

static struct corner corner_at(const struct winograd *shape, const struct block *block,
                               size_t tile) {
    return corner_of(shape, shape->tile, block->first + size_min(tile, block->tiles - 1));
}

void winograd_find_input(const struct winograd *shape, const struct block *block, size_t tile,
                         struct pixels *found) {
    find_pixels(shape, corner_at(shape, block, tile), 1, span_of(shape->tile), shape->channels,
                found);
}

// The same of a tile's output.
static void find_output(const struct winograd *shape, const struct block *block, size_t tile,
                        struct pixels *found) {
    find_pixels(shape, corner_at(shape, block, tile), 0, shape->tile, shape->out_channels, found);
}

void winograd_take_channels(const struct winograd *shape, const void *input,
                            const struct pixels *tile, const struct pixels *next, size_t channels,
                            float *to, size_t step) {
    const size_t whole = channels / LANES * LANES;
    transform_input(shape->tile, input, tile, next, whole, to, step);
    if (whole < channels) {
        const size_t last = channels - LANES;
        transform_input(shape->tile, (const char *)input + last * precision_size(shape->precision),
                        tile, next, LANES, to + last, step);
    }
}

void winograd_take_tiles(const struct winograd *shape, const struct block *block) {
    const size_t parts = (shape->channels + block->part - 1) / block->part;
    const size_t part_bytes = block->part * precision_size(shape->precision);
    struct pixels pixels[2]; // of a tile and the next
    winograd_find_input(shape, block, 0, &pixels[0]);
    for (size_t tile = 0; tile < block->tiles; tile++) {
        winograd_find_input(shape, block, tile + 1, &pixels[(tile + 1) % 2]);
        for (size_t part = 0; part < parts; part++) {
            winograd_take_channels(
                shape, (const char *)block->input + part * part_bytes, &pixels[tile % 2],
                &pixels[(tile + 1) % 2], channels_of_part(shape, block, part),
                block->in + part * block->in_part + tile * block->in_tile, block->in_step);
        }
    }
}

void winograd_multiply(const struct winograd *shape, const struct block *block,
                       const struct block_weights *weights) {
    const size_t channels = channels_of_part(shape, block, weights->part);
    const float *in = block->in + weights->part * block->in_part;
    for (size_t point = 0; point < points_of(shape->tile); point++) {
        cpu_f32_gemm(
            block->tiles, block->panels, channels,
            (struct cpu_f32_a){in + point * block->in_step, block->in_tile, 1},
            (struct cpu_f32_b){weights->data + point * weights->point_step, weights->panel_step,
                               LANES},
            weights->part > 0,
            (struct cpu_f32_c){block->out + point * block->out_step, block->out_tile, LANES});
    }
}

// By AVX-512's rounding where that is there; NULL: by transform_output.
static output_transform *rounding_transform(const struct winograd *shape) {
    const bool bf16 = shape->tile == MAX_TILE && shape->precision == PRECISION_BF16;
    return bf16 ? transform_output_bf16() : NULL;
}

void winograd_store_tiles(const struct winograd *shape, const struct block *block,
                          struct epilogue epilogue, void *output) {
    output_transform *rounding = rounding_transform(shape);
    struct pixels pixels[2];
    find_output(shape, block, 0, &pixels[0]);
    for (size_t tile = 0; tile < block->tiles; tile++) {
        find_output(shape, block, tile + 1, &pixels[(tile + 1) % 2]);
        for (size_t panel = 0; panel < block->panels; panel++) {
            const float *from = block->out + tile * block->out_tile + panel * LANES;
            const size_t channel = (block->panel + panel) * LANES;
            const struct pixels *next = &pixels[(tile + 1) % 2];
            if (rounding != NULL) {
                rounding(from, block->out_step, epilogue, channel, output, &pixels[tile % 2], next);
            } else {
                transform_output(shape->tile, from, block->out_step, epilogue, channel, output,
                                 &pixels[tile % 2], next);
            }
        }
    }
}
