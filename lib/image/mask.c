// Dilation, area and thresholds of masks.
#include "image/mask.h"

#include "core/numbers/fp16.h"
#include "core/simd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// One row: every run of ones grows by `after` to the left and `before` to the right. Each output
// pixel is set at most once, whatever the window.
static void dilate_row(uint8_t *out, const uint8_t *in, size_t width, size_t before, size_t after) {
    size_t filled = 0;
    memset(out, 0, width);
    for (size_t x = 0; x < width;) {
        const uint8_t *one = memchr(in + x, 1, width - x);
        if (one == NULL) {
            break;
        }
        const size_t start = (size_t)(one - in);
        const uint8_t *zero = memchr(one, 0, width - start);
        const size_t end = zero != NULL ? (size_t)(zero - in) : width;
        size_t from = start > after ? start - after : 0;
        const size_t to = width - end > before ? end + before : width;
        from = from > filled ? from : filled;
        if (to > from) {
            memset(out + from, 1, to - from);
            filled = to;
        }
        x = end;
    }
}

VECTORISED static void count_row(uint32_t *counts, const uint8_t *in, size_t width, uint32_t sign) {
    for (size_t x = 0; x < width; x++) {
        counts[x] += in[x] * sign;
    }
}

VECTORISED static void any_counted(uint8_t *out, const uint32_t *counts, size_t width) {
    for (size_t x = 0; x < width; x++) {
        out[x] = counts[x] > 0;
    }
}

bool mask_dilate(struct image *out, const struct image *in, size_t k, struct error *error) {
    const size_t height = in->height;
    const size_t width = in->width;
    const size_t before = k / 2;
    const size_t after = k > 0 ? k - 1 - before : 0;
    struct image wide;
    uint32_t *counts = calloc(width, sizeof *counts);
    if (counts == NULL || !image_alloc(&wide, height, width, error)) {
        free(counts);
        return fail(error, "no memory to dilate %zu x %zu", height, width);
    }
    for (size_t y = 0; y < height; y++) {
        dilate_row(wide.pixels + y * width, in->pixels + y * width, width, before, after);
    }
    // The rows of the window around row y: y - before .. y + after.
    for (size_t y = 0; y < after && y < height; y++) {
        count_row(counts, wide.pixels + y * width, width, 1);
    }
    for (size_t y = 0; y < height; y++) {
        if (after < height - y) {
            count_row(counts, wide.pixels + (y + after) * width, width, 1);
        }
        if (y > before) {
            count_row(counts, wide.pixels + (y - before - 1) * width, width, UINT32_MAX);
        }
        any_counted(out->pixels + y * width, counts, width);
    }
    image_free(&wide);
    free(counts);
    return true;
}

VECTORISED static uint32_t sum_bytes(const uint8_t *bytes, size_t count) {
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += bytes[i];
    }
    return sum;
}

size_t mask_area(const struct image *mask) {
    return sum_bytes(mask->pixels, mask->height * mask->width);
}

// ---- thresholds

// Halves that are not negative are ordered like their bits.
VECTORISED static void above_bits(uint8_t *mask, const unsigned char *fp16, size_t count,
                                  int16_t threshold) {
    for (size_t i = 0; i < count; i++) {
        int16_t bits;
        memcpy(&bits, fp16 + 2 * i, sizeof bits);
        mask[i] = (bits > threshold) & (bits <= 0x7C00);
    }
}

VECTORISED static void above_floats(uint8_t *mask, const unsigned char *floats, size_t count,
                                    float threshold) {
    for (size_t i = 0; i < count; i++) {
        float probability;
        memcpy(&probability, floats + 4 * i, sizeof probability);
        mask[i] = probability > threshold;
    }
}

// number > threshold for floats is number > the greatest float that is not above the threshold.
static float float_below(double threshold) {
    const float nearest = (float)threshold;
    return (double)nearest > threshold ? nextafterf(nearest, -INFINITY) : nearest;
}

void mask_above_fp16(struct image *mask, const void *fp16, double threshold) {
    const size_t count = mask->height * mask->width;
    if (threshold >= 0 && threshold < 65504) {
        uint16_t bits = fp16_from_float(float_below(threshold));
        bits = (double)fp16_to_float(bits) > threshold ? (uint16_t)(bits - 1) : bits;
        above_bits(mask->pixels, fp16, count, (int16_t)(bits & 0x7FFF));
        return;
    }
    enum { BLOCK = 1024 };
    float numbers[BLOCK];
    for (size_t done = 0; done < count; done += BLOCK) {
        const size_t chunk = count - done < BLOCK ? count - done : BLOCK;
        fp16_read(numbers, (const unsigned char *)fp16 + 2 * done, chunk);
        above_floats(mask->pixels + done, (const unsigned char *)numbers, chunk,
                     float_below(threshold));
    }
}

void mask_above_float(struct image *mask, const void *floats, double threshold) {
    above_floats(mask->pixels, floats, mask->height * mask->width, float_below(threshold));
}

void mask_above_double(struct image *mask, const void *doubles, double threshold) {
    const unsigned char *bytes = doubles;
    for (size_t i = 0; i < mask->height * mask->width; i++) {
        double probability;
        memcpy(&probability, bytes + 8 * i, sizeof probability);
        mask->pixels[i] = probability > threshold;
    }
}
