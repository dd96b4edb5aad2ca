// Tiles of a grouped convolution: their sizes, and copies of pixels.
#include "ops/convolution/cpu/grouped/tiles.h"

#include "backend/bf16.h"
#include "core/simd.h"

#include <string.h>

#define EIGHT ((size_t)8)

size_t grouped_row_tiles(const struct grouped_plan *plan) {
    return plan->direct.images * ((plan->direct.rows + plan->rows - 1) / plan->rows);
}

size_t grouped_slabs(const struct grouped_plan *plan) {
    return (plan->direct.channels + plan->slab - 1) / plan->slab;
}

struct grouped_tile grouped_tile_at(const struct grouped_plan *plan, size_t row_tile, size_t slab) {
    const size_t of_image = (plan->direct.rows + plan->rows - 1) / plan->rows;
    const size_t row = row_tile % of_image * plan->rows;
    const size_t channel = slab * plan->slab;
    const size_t rows_left = plan->direct.rows - row;
    const size_t channels_left = plan->direct.channels - channel;
    return (struct grouped_tile){.image = row_tile / of_image,
                                 .row = row,
                                 .rows = rows_left < plan->rows ? rows_left : plan->rows,
                                 .channel = channel,
                                 .channels =
                                     channels_left < plan->slab ? channels_left : plan->slab};
}

size_t grouped_widest(const struct grouped_plan *plan) {
    return plan->slab < plan->direct.channels ? plan->slab : plan->direct.channels;
}

size_t grouped_row_floats(const struct grouped_plan *plan, size_t channels) {
    const struct direct_plan *direct = &plan->direct;
    return ((direct->columns - 1) * direct->stride_x + direct->window_width) * channels;
}

size_t grouped_input_floats(const struct grouped_plan *plan) {
    const struct direct_plan *direct = &plan->direct;
    const size_t rows = (plan->rows - 1) * direct->stride_y + direct->window_height;
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

void grouped_read_input(const struct grouped_plan *plan, const struct grouped_tile *tile,
                        const void *input, float *to) {
    const struct direct_plan *direct = &plan->direct;
    const size_t channels = tile->channels;
    const size_t rows = (tile->rows - 1) * direct->stride_y + direct->window_height;
    const size_t floats = grouped_row_floats(plan, channels);
    const ptrdiff_t top = (ptrdiff_t)(tile->row * direct->stride_y) + direct->top;
    const struct borders across = borders_of(direct->left, floats / channels, direct->width);
    const size_t begin = across.before * channels;
    const size_t end = begin + across.inside * channels;
    const size_t column = across.inside > 0 && direct->left > 0 ? (size_t)direct->left : 0;
    for (size_t i = 0; i < rows; i++, to += floats) {
        const ptrdiff_t y = top + (ptrdiff_t)i;
        if (y < 0 || y >= (ptrdiff_t)direct->height) {
            memset(to, 0, floats * sizeof *to);
            continue;
        }
        memset(to, 0, begin * sizeof *to);
        memset(to + end, 0, (floats - end) * sizeof *to);
        const size_t pixel = (tile->image * direct->height + (size_t)y) * direct->width + column;
        grouped_read_pixels(direct->precision, input, pixel * direct->channels + tile->channel,
                            direct->channels, across.inside, channels, to + begin);
    }
}
