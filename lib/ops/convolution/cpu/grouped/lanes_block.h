// One kind of vectors' grouped convolution, for lanes.c, which includes this once for each:
// NAME(x): a name of its own; TARGET: the function's attributes; VECTOR: the type, of LANES floats,
// ANYWHERE: that at any address, BITS: that of integers, HALVES: that of bf16 at any address;
// PIXELS: of a block's row; FUSED(a, b, c): a b + c; SPREAD(x, from): each lane the number `from`
// of x, where groups may be narrower than a vector (of 8 lanes: the number of its four). Optional:
// WIDENED(halves), NARROWED(x): from bf16 and to it by an instruction; of vectors that are lines of
// the cache STREAM(x, line): stores past it, JOINED(lower, upper): two of bf16 as one of floats.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_GROUPED_LANES_BLOCK_H
#define PLEURA_OPS_CONVOLUTION_CPU_GROUPED_LANES_BLOCK_H

#define UNROLLED _Pragma("GCC unroll 24")

// Sanitizers would check every number of an unrolled loop on its own.
#ifdef __SANITIZE_ADDRESS__
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))
#else
#define UNCHECKED
#endif
#define INLINED UNCHECKED TARGET __attribute__((always_inline)) static inline

// Pixels are reached from a pointer that goes on, and their bits are tested one by one: the
// compiler must not take this apart into as many registers.
#define KEPT(number) __asm__ volatile("" : "+r"(number))
#define GO_ON(pointer, step, bits)                                                                 \
    (pointer) += (step);                                                                           \
    KEPT(pointer);                                                                                 \
    KEPT(bits)

// Most blocks lie inside of the image as a whole.
#define IS_SET(bits, bit) __builtin_expect(((bits) & (uint32_t)1 << (bit)) != 0, 1)

// Whether the tap `x` of one of the block's pixels is at a column of the input.
#define IS_TAP(column, x, stride)                                                                  \
    ((column) >= (x) && ((column) - (x)) % (stride) == 0 && ((column) - (x)) / (stride) < PIXELS)

#define LINE ((size_t)64) // of the cache, bytes
#define MAX_TAPS 5        // of a window's row that are taken at once

// How lanes see their group's channels: their own one; one among the vector's; one of as many as
// the vector has, or of more.
enum { OWN, WITHIN, WHOLE };

// How an output's number is stored: as bf16 by integers, or by an instruction for it.
enum { FLOAT, HALF, NATIVE_HALF };

// The taps of a window's row that a kernel takes at once; ANY_TAPS: one, and any window.
enum { ANY_TAPS = 0 };

// What there is code for: a name, how lanes see channels, taps, stride, whether the input is bf16;
// of those that take a layer the first is the best.
#define GROUPED_KERNELS(ROW)                                                                       \
    ROW(own_2, OWN, 2, 1, false)                                                                   \
    ROW(own_3, OWN, 3, 1, false)                                                                   \
    ROW(own_5, OWN, 5, 1, false)                                                                   \
    ROW(own_3_strided, OWN, 3, 2, false)                                                           \
    ROW(own_5_strided, OWN, 5, 2, false)                                                           \
    ROW(own_any, OWN, ANY_TAPS, 1, false)                                                          \
    ROW(own_any_strided, OWN, ANY_TAPS, 2, false)                                                  \
    ROW(halves_2, OWN, 2, 1, true)                                                                 \
    ROW(halves_3, OWN, 3, 1, true)                                                                 \
    ROW(halves_5, OWN, 5, 1, true)                                                                 \
    ROW(halves_3_strided, OWN, 3, 2, true)                                                         \
    ROW(halves_5_strided, OWN, 5, 2, true)                                                         \
    ROW(halves_any, OWN, ANY_TAPS, 1, true)                                                        \
    ROW(halves_any_strided, OWN, ANY_TAPS, 2, true)                                                \
    ROW(within_2, WITHIN, 2, 1, false)                                                             \
    ROW(within_3, WITHIN, 3, 1, false)                                                             \
    ROW(within_3_strided, WITHIN, 3, 2, false)                                                     \
    ROW(within_any, WITHIN, ANY_TAPS, 1, false)                                                    \
    ROW(within_any_strided, WITHIN, ANY_TAPS, 2, false)                                            \
    ROW(whole_2, WHOLE, 2, 1, false)                                                               \
    ROW(whole_3, WHOLE, 3, 1, false)                                                               \
    ROW(whole_3_strided, WHOLE, 3, 2, false)                                                       \
    ROW(whole_any, WHOLE, ANY_TAPS, 1, false)                                                      \
    ROW(whole_any_strided, WHOLE, ANY_TAPS, 2, false)

static const struct {
    size_t taps, stride;
    int kind;
    bool halves;
} grouped_kernels[] = {
#define LISTED(name, kind, taps, stride, halves) {taps, stride, kind, halves},
    GROUPED_KERNELS(LISTED)
#undef LISTED
};

// The number of the kernel that takes the layer.
static size_t grouped_kernel_for(const struct grouped_layer *layer, size_t lanes) {
    const int kind = layer->width == 1 ? OWN : layer->width < lanes ? WITHIN : WHOLE;
    const bool halves = kind == OWN && layer->precision == PRECISION_BF16;
    size_t which = 0;
    while (grouped_kernels[which].kind != kind || grouped_kernels[which].halves != halves ||
           grouped_kernels[which].stride != layer->stride ||
           (grouped_kernels[which].taps != ANY_TAPS &&
            grouped_kernels[which].taps != layer->window_width)) {
        which++;
    }
    return which;
}

// What a kernel reads: bytes from a row, a pixel to the next.
struct grouped_view {
    const char *from;
    size_t row, pixel;
};

#endif

// ---- numbers

INLINED VECTOR NAME(widen)(const void *halves) {
#ifdef WIDENED
    return (VECTOR)WIDENED(halves);
#else
    return (VECTOR)(__builtin_convertvector(*(const HALVES *)halves, BITS) << 16);
#endif
}

// As bf16_from.
INLINED void NAME(narrow)(VECTOR x, void *halves) {
    const BITS bits = (BITS)x;
    const BITS upper = bits >> 16;
    const BITS nan = (BITS)((bits & 0x7FFFFFFF) > 0x7F800000);
    const BITS rounded = (bits + 0x7FFF + (upper & 1)) >> 16;
    const BITS narrow = (rounded & ~nan) | ((upper | 0x40) & nan);
    *(HALVES *)halves = __builtin_convertvector(narrow, HALVES);
}

INLINED VECTOR NAME(load)(bool halves, const void *at) {
    return halves ? NAME(widen)(at) : (VECTOR) * (const ANYWHERE *)at;
}

// Which lane each one sees of its group's channel `i`.
INLINED BITS NAME(sources)(int kind, size_t width, size_t i) {
    BITS lanes = {0};
    UNROLLED
    for (uint32_t lane = 0; lane < LANES; lane++) {
        lanes[lane] = lane;
    }
    return kind == WITHIN ? (lanes & ~((uint32_t)width - 1)) + (uint32_t)i : lanes;
}

// What lanes see of the channel `i` in a pixel.
INLINED VECTOR NAME(see)(int kind, bool halves, const char *pixel, size_t i, BITS sources) {
    (void)sources;
    if (kind == WHOLE) {
        return ((const float *)(const void *)pixel)[i] - (VECTOR){0};
    }
    const VECTOR own = NAME(load)(halves, pixel);
#ifdef SPREAD
    return kind == WITHIN ? (VECTOR)SPREAD(own, sources) : own;
#else
    return own;
#endif
}

// ---- what a vector reads

// The columns from `first` on that are inside in row `row`, as bits.
INLINED uint32_t NAME(inside)(const struct grouped_block *block, size_t row, size_t first) {
    return block->rows_inside >> row & 1 ? (uint32_t)(block->columns_inside >> first) : 0;
}

// Copies the windows of some channels, from those of the first pixel on, into `tile`.
INLINED void NAME(copy_windows)(bool halves, const struct grouped_layer *layer,
                                const struct grouped_block *block, const char *input, size_t rows,
                                size_t columns, size_t channels, float *tile) {
    const size_t size = halves ? sizeof(uint16_t) : sizeof(float);
    const uint64_t all = block->columns_inside & (((uint64_t)1 << columns) - 1);
    const size_t first = all != 0 ? (size_t)__builtin_ctzll(all) : 0;
    const size_t end = all != 0 ? 64 - (size_t)__builtin_clzll(all) : 0;
    for (size_t y = 0; y < rows; y++) {
        const char *from = input + (ptrdiff_t)((y * layer->tap_row + first * layer->tap) * size);
        float *to = tile + (y * columns + first) * channels;
        for (size_t x = first; x < end && (block->rows_inside >> y & 1); x++) {
            for (size_t c = 0; c < channels; c += LANES) {
                *(ANYWHERE *)(to + c) = NAME(load)(halves, from + c * size);
            }
            from += layer->tap * size;
            to += channels;
        }
    }
}

// Once for all kernels, which would hold it four times each.
UNCHECKED TARGET __attribute__((noinline)) static struct grouped_view NAME(fill_tile)(
    const struct grouped_layer *layer, const struct grouped_block *block, const char *input,
    size_t channels, float *tile) {
    const size_t rows = (GROUPED_ROWS - 1) * layer->stride + layer->window_height;
    const size_t columns = (PIXELS - 1) * layer->stride + layer->window_width;
    if (layer->precision == PRECISION_BF16) {
        NAME(copy_windows)(true, layer, block, input, rows, columns, channels, tile);
    } else {
        NAME(copy_windows)(false, layer, block, input, rows, columns, channels, tile);
    }
    return (struct grouped_view){(const char *)tile, columns * channels * sizeof *tile,
                                 channels * sizeof *tile};
}

// What the vector number `v` of the block sees. bf16 of groups, whose numbers are read once for
// each channel of the group, is converted ahead.
INLINED void NAME(view)(int kind, const struct grouped_layer *layer,
                        const struct grouped_block *block, const void *input, size_t v, float *tile,
                        struct grouped_view *view) {
    const size_t size = precision_size(layer->precision);
    const size_t channel = block->channel + v * LANES;
    const size_t together = kind == WHOLE ? layer->width : LANES;
    const ptrdiff_t first = block->input + (ptrdiff_t)(channel / together * together);
    const char *from = (const char *)input + first * (ptrdiff_t)size;
    if (kind != OWN && grouped_copies(layer)) {
        if (channel % together == 0) {
            *view = NAME(fill_tile)(layer, block, from, together, tile);
        }
    } else {
        *view = (struct grouped_view){from, layer->tap_row * size, layer->tap * size};
    }
}

// Fetches some pixels of a row, `usual` ones in most blocks.
INLINED void NAME(fetch_pixels)(const char *at, size_t step, size_t pixels, size_t usual) {
    if (__builtin_expect(pixels == usual, 1)) {
        UNROLLED
        for (size_t x = 0; x < usual; x++) {
            __builtin_prefetch(at, 0, 2);
            at += step;
            KEPT(at);
        }
        return;
    }
    for (size_t x = 0; x < pixels; x++, at += step) {
        __builtin_prefetch(at, 0, 2);
    }
}

// Fetches what other blocks take in the vector from `channel` on: the input that blocks below read,
// and the output of the block to the right, or its gradient; NULL: none. Processors do not foresee
// which pixels, apart from each other, come next; so what lies together, all channels of some
// pixels whose vectors are lines of the cache, is fetched in its order, as much of it for each
// vector. A line may hold two vectors of bf16, and is fetched once. Many lines come faster where
// they are not asked for all at once: of the input, rows `part`, + `parts`, ... are fetched, and
// the output with part 0.
INLINED void NAME(fetch)(const struct grouped_layer *layer, const struct grouped_block *block,
                         size_t stride, bool halves, const void *input, const void *output,
                         size_t channel, size_t part, size_t parts) {
    const size_t size = halves ? sizeof(uint16_t) : precision_size(layer->precision);
    const size_t before = (channel - block->channel) * size;
    const bool together = LANES * size == LINE && block->vectors * LANES == layer->tap;
    if (stride == 1 && before % LINE != 0) {
        return;
    }
    const size_t usual = stride == 1 && halves ? PIXELS : 0;
    const char *from = (const char *)input + (block->fetched + block->channel) * size +
                       before * (together ? block->fetched_pixels : 1);
    for (size_t y = part; y < block->fetched_rows; y += parts) {
        NAME(fetch_pixels)
        (from + y * layer->tap_row * size, together ? LINE : layer->tap * size,
         block->fetched_pixels, usual);
    }
    if (output == NULL || part > 0) {
        return;
    }
    const bool out_together = together && layer->out_pixel == layer->tap;
    const char *to = (const char *)output +
                     (block->output + PIXELS * layer->out_pixel + block->channel) * size +
                     before * (out_together ? block->pixels_right : 1);
    for (size_t y = 0; y < block->rows; y++) {
        NAME(fetch_pixels)
        (to + y * layer->out_row * size, out_together ? LINE : layer->out_pixel * size,
         block->pixels_right, usual);
    }
}

#include "ops/convolution/cpu/grouped/windows_block.h"

#include "ops/convolution/cpu/grouped/convolve_block.h"
#include "ops/convolution/cpu/grouped/sum_block.h"

static size_t NAME(kernel)(const struct grouped_layer *layer) {
    return grouped_kernel_for(layer, LANES);
}

static const struct grouped_lanes NAME(lanes) = {LANES, PIXELS, NAME(kernel), NAME(convolve),
                                                 NAME(sum)};

#undef NAME
#undef TARGET
#undef VECTOR
#undef ANYWHERE
#undef BITS
#undef HALVES
#undef LANES
#undef PIXELS
#undef FUSED
#undef SPREAD
#undef WIDENED
#undef NARROWED
#undef STREAM
#undef JOINED
