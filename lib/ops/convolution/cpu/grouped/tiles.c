// Tiles of a grouped convolution: their sizes, and copies of pixels.
#include "ops/convolution/cpu/grouped/tiles.h"

#include "backend/bf16.h"
#include "core/simd.h"

#include <string.h>

#define EIGHT ((size_t)8)

size_t grouped_row_tiles(const struct phase_plan *plan) {
    return plan->images * ((plan->rows + plan->tiles.rows - 1) / plan->tiles.rows);
}

size_t grouped_slabs(const struct phase_plan *plan) {
    return (plan->channels + plan->tiles.slab - 1) / plan->tiles.slab;
}

struct grouped_tile grouped_tile_at(const struct phase_plan *plan, size_t row_tile, size_t slab) {
    const size_t of_image = (plan->rows + plan->tiles.rows - 1) / plan->tiles.rows;
    const size_t row = row_tile % of_image * plan->tiles.rows;
    const size_t channel = slab * plan->tiles.slab;
    const size_t rows_left = plan->rows - row;
    const size_t channels_left = plan->channels - channel;
    return (struct grouped_tile){
        .image = row_tile / of_image,
        .row = row,
        .rows = rows_left < plan->tiles.rows ? rows_left : plan->tiles.rows,
        .channel = channel,
        .channels = channels_left < plan->tiles.slab ? channels_left : plan->tiles.slab};
}

size_t grouped_widest(const struct phase_plan *plan) {
    return plan->tiles.slab < plan->channels ? plan->tiles.slab : plan->channels;
}

size_t grouped_row_floats(const struct phase_plan *plan, size_t channels) {
    return ((plan->columns - 1) * plan->stride_x + plan->window_width) * channels;
}

size_t grouped_input_floats(const struct phase_plan *plan) {
    const size_t rows = (plan->tiles.rows - 1) * plan->stride_y + plan->window_height;
    return rows * grouped_row_floats(plan, grouped_widest(plan));
}

// ---- copies, by eights of numbers

VECTORISED static void copy_floats(const float *from, size_t from_step, size_t count,
                                   size_t channels, float *to, size_t to_step) {
    for (size_t pixel = 0; pixel < count; pixel++) {
        for (size_t c = 0; c < channels; c += EIGHT) {
            memcpy(to + pixel * to_step + c, from + pixel * from_step + c, EIGHT * sizeof *to);
        }
    }
}

VECTORISED static void widen(const uint16_t *from, size_t step, size_t count, size_t channels,
                             float *to) {
    for (size_t pixel = 0; pixel < count; pixel++) {
        for (size_t c = 0; c < channels; c += EIGHT) {
            for (size_t i = 0; i < EIGHT; i++) {
                to[pixel * channels + c + i] = bf16_to(from[pixel * step + c + i]);
            }
        }
    }
}

VECTORISED static void narrow(const float *from, size_t step, size_t count, size_t channels,
                              uint16_t *to) {
    for (size_t pixel = 0; pixel < count; pixel++) {
        for (size_t c = 0; c < channels; c += EIGHT) {
            for (size_t i = 0; i < EIGHT; i++) {
                to[pixel * step + c + i] = bf16_from(from[pixel * channels + c + i]);
            }
        }
    }
}

void grouped_read_pixels(enum precision precision, const void *numbers, size_t first, size_t step,
                         size_t count, size_t channels, float *to) {
    if (precision == PRECISION_F32) {
        copy_floats((const float *)numbers + first, step, count, channels, to, channels);
    } else {
        widen((const uint16_t *)numbers + first, step, count, channels, to);
    }
}

void grouped_write_pixels(enum precision precision, void *numbers, size_t first, size_t step,
                          size_t count, size_t channels, const float *from) {
    if (precision == PRECISION_F32) {
        copy_floats(from, channels, count, channels, (float *)numbers + first, step);
    } else {
        narrow(from, step, count, channels, (uint16_t *)numbers + first);
    }
}

// How many of `count` places from `first` on lie before 0, and how many from 0 to `side`.
struct borders {
    size_t before, inside;
};

static struct borders borders_of(ptrdiff_t first, size_t count, size_t side) {
    const ptrdiff_t end = first + (ptrdiff_t)count;
    const ptrdiff_t from = first < 0 ? 0 : first;
    const ptrdiff_t to = end > (ptrdiff_t)side ? (ptrdiff_t)side : end;
    return to <= from ? (struct borders){count, 0}
                      : (struct borders){(size_t)(from - first), (size_t)(to - from)};
}

void grouped_read_input(const struct phase_plan *plan, const struct grouped_tile *tile,
                        const void *input, float *to) {
    const size_t channels = tile->channels;
    const size_t rows = (tile->rows - 1) * plan->stride_y + plan->window_height;
    const size_t floats = grouped_row_floats(plan, channels);
    const ptrdiff_t top = (ptrdiff_t)(tile->row * plan->stride_y) + plan->top;
    const struct borders across = borders_of(plan->left, floats / channels, plan->width);
    const size_t begin = across.before * channels;
    const size_t end = begin + across.inside * channels;
    const size_t column = across.inside > 0 && plan->left > 0 ? (size_t)plan->left : 0;
    for (size_t i = 0; i < rows; i++, to += floats) {
        const ptrdiff_t y = top + (ptrdiff_t)i;
        if (y < 0 || y >= (ptrdiff_t)plan->height) {
            memset(to, 0, floats * sizeof *to);
            continue;
        }
        memset(to, 0, begin * sizeof *to);
        memset(to + end, 0, (floats - end) * sizeof *to);
        const size_t pixel = (tile->image * plan->height + (size_t)y) * plan->width + column;
        grouped_read_pixels(plan->precision, input, pixel * plan->channels + tile->channel,
                            plan->channels, across.inside, channels, to + begin);
    }
}
