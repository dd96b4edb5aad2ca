// The two resizes. The bilinear one works on blocks of rows laid side by side, so that both of its
// passes run over neighbouring bytes with one weight each, which the compiler turns into vector
// code.
#include "image/resize.h"

#include "core/simd.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT_BITS 22
#define LANES 32 // rows that go through the horizontal pass together

struct image_view image_view_of(const struct image *image) {
    return (struct image_view){image->pixels, image->height, image->width, image->width, false};
}

// What each output element is made of: `taps` weights from input element `first` on.
struct weights {
    size_t *first;
    size_t *taps;
    int32_t *weight; // most * output length
    size_t most;
};

static void weights_free(struct weights *weights) {
    free(weights->first);
    free(weights->taps);
    free(weights->weight);
}

// Pillow's precompute_coeffs and normalize_coeffs_8bpc for the triangle filter.
static void fill_weights(struct weights *weights, size_t in, size_t out, double *raw) {
    const double scale = (double)in / (double)out;
    const double support = scale > 1.0 ? scale : 1.0;
    for (size_t x = 0; x < out; x++) {
        const double center = ((double)x + 0.5) * scale;
        const double low = center - support + 0.5;
        const size_t first = low > 0 ? (size_t)low : 0;
        size_t end = (size_t)(center + support + 0.5);
        end = end > in ? in : end;
        double total = 0;
        for (size_t i = first; i < end; i++) {
            double offset = ((double)i - center + 0.5) / support;
            offset = offset < 0 ? -offset : offset;
            raw[i - first] = offset < 1.0 ? 1.0 - offset : 0.0;
            total += raw[i - first];
        }
        weights->first[x] = first;
        weights->taps[x] = end - first;
        for (size_t i = 0; i < end - first; i++) {
            weights->weight[x * weights->most + i] =
                (int32_t)(0.5 + raw[i] / total * (double)(1 << WEIGHT_BITS));
        }
    }
}

static bool weights_make(struct weights *weights, size_t in, size_t out, struct error *error) {
    const double scale = (double)in / (double)out;
    const size_t most = (size_t)(2.0 * (scale > 1.0 ? scale : 1.0)) + 3;
    double *raw = calloc(most, sizeof *raw);
    *weights = (struct weights){malloc(out * sizeof(size_t)), malloc(out * sizeof(size_t)),
                                malloc(out * most * sizeof(int32_t)), most};
    const bool good =
        raw != NULL && weights->first != NULL && weights->taps != NULL && weights->weight != NULL;
    if (good) {
        fill_weights(weights, in, out, raw);
    } else {
        weights_free(weights);
    }
    free(raw);
    return good || fail(error, "no memory to resize %zu to %zu", in, out);
}

// out[i] = the weighted sum over taps of in[tap * stride + i], rounded; i < count.
VECTORISED static void blend(uint8_t *out, const uint8_t *in, size_t stride, size_t taps,
                             const int32_t *weight, size_t count) {
    enum { BLOCK = 128 };
    size_t done = 0;
    for (; done + BLOCK <= count; done += BLOCK) {
        int32_t sum[BLOCK];
        for (size_t i = 0; i < BLOCK; i++) {
            sum[i] = 1 << (WEIGHT_BITS - 1);
        }
        for (size_t tap = 0; tap < taps; tap++) {
            const uint8_t *row = in + tap * stride + done;
            for (size_t i = 0; i < BLOCK; i++) {
                sum[i] += row[i] * weight[tap];
            }
        }
        for (size_t i = 0; i < BLOCK; i++) {
            const int32_t value = sum[i] >> WEIGHT_BITS;
            out[done + i] = (uint8_t)(value > 255 ? 255 : value);
        }
    }
    for (; done < count; done++) {
        int32_t sum = 1 << (WEIGHT_BITS - 1);
        for (size_t tap = 0; tap < taps; tap++) {
            sum += in[tap * stride + done] * weight[tap];
        }
        const int32_t value = sum >> WEIGHT_BITS;
        out[done] = (uint8_t)(value > 255 ? 255 : value);
    }
}

// The same for LANES neighbouring bytes.
VECTORISED static void blend_lanes(uint8_t *out, const uint8_t *in, const struct weights *weights,
                                   size_t length) {
    for (size_t x = 0; x < length; x++) {
        const uint8_t *from = in + weights->first[x] * LANES;
        const int32_t *weight = weights->weight + x * weights->most;
        const size_t taps = weights->taps[x];
        int32_t sum[LANES];
        for (size_t i = 0; i < LANES; i++) {
            sum[i] = 1 << (WEIGHT_BITS - 1);
        }
        for (size_t tap = 0; tap < taps; tap++) {
            for (size_t i = 0; i < LANES; i++) {
                sum[i] += from[tap * LANES + i] * weight[tap];
            }
        }
        for (size_t i = 0; i < LANES; i++) {
            const int32_t value = sum[i] >> WEIGHT_BITS;
            out[x * LANES + i] = (uint8_t)(value > 255 ? 255 : value);
        }
    }
}

// Transposes 8 x 8 bytes, one row a number: swaps halves, quarters and eighths of rows.
static inline void transpose8(uint64_t rows[8]) {
    static const uint64_t keep[3] = {0x00000000FFFFFFFFu, 0x0000FFFF0000FFFFu, 0x00FF00FF00FF00FFu};
    for (int step = 4, level = 0; step > 0; step /= 2, level++) {
        for (int i = 0; i < 8; i++) {
            if ((i & step) == 0) {
                const int shift = 8 * step;
                const uint64_t swapped = ((rows[i] >> shift) ^ rows[i + step]) & keep[level];
                rows[i] ^= swapped << shift;
                rows[i + step] ^= swapped;
            }
        }
    }
}

// Lays rows [y, y + LANES) side by side: lanes[x * LANES + i] = row y + i at x. Missing rows repeat
// the last one.
static void gather_lanes(uint8_t *lanes, const struct image_view *in, size_t y) {
    const uint8_t *rows[LANES];
    for (size_t i = 0; i < LANES; i++) {
        const size_t row = y + i < in->height ? y + i : in->height - 1;
        rows[i] = in->pixels + row * in->stride;
    }
    size_t x = 0;
    for (; x + 8 <= in->width; x += 8) {
        for (size_t i = 0; i < LANES; i += 8) {
            uint64_t block[8];
            for (size_t j = 0; j < 8; j++) {
                memcpy(&block[j], rows[i + j] + x, 8);
            }
            transpose8(block);
            for (size_t j = 0; j < 8; j++) {
                const size_t column = in->flipped ? in->width - 1 - (x + j) : x + j;
                memcpy(lanes + column * LANES + i, &block[j], 8);
            }
        }
    }
    for (; x < in->width; x++) {
        uint8_t *lane = lanes + (in->flipped ? in->width - 1 - x : x) * LANES;
        for (size_t i = 0; i < LANES; i++) {
            lane[i] = rows[i][x];
        }
    }
}

static void scatter_lanes(uint8_t *out, size_t width, const uint8_t *lanes, size_t rows) {
    size_t x = 0;
    for (; x + 8 <= width; x += 8) {
        for (size_t i = 0; i < rows; i += 8) {
            uint64_t block[8];
            for (size_t j = 0; j < 8; j++) {
                memcpy(&block[j], lanes + (x + j) * LANES + i, 8);
            }
            transpose8(block);
            for (size_t j = 0; j < 8 && i + j < rows; j++) {
                memcpy(out + (i + j) * width + x, &block[j], 8);
            }
        }
    }
    for (; x < width; x++) {
        for (size_t i = 0; i < rows; i++) {
            out[i * width + x] = lanes[x * LANES + i];
        }
    }
}

static void copy_rows(struct image *out, const struct image_view *in) {
    for (size_t y = 0; y < in->height; y++) {
        const uint8_t *from = in->pixels + y * in->stride;
        uint8_t *to = out->pixels + y * out->width;
        if (!in->flipped) {
            memcpy(to, from, in->width);
        }
        for (size_t x = 0; in->flipped && x < in->width; x++) {
            to[x] = from[in->width - 1 - x];
        }
    }
}

// in -> wide (in's height, the wanted width).
static bool resize_rows(struct image *wide, const struct image_view *in, struct error *error) {
    struct weights weights;
    if (in->width == wide->width) {
        copy_rows(wide, in);
        return true;
    }
    uint8_t *lanes = malloc((in->width + wide->width) * LANES);
    if (lanes == NULL || !weights_make(&weights, in->width, wide->width, error)) {
        free(lanes);
        return fail(error, "no memory to resize %zu columns", in->width);
    }
    uint8_t *narrow = lanes + in->width * LANES;
    for (size_t y = 0; y < in->height; y += LANES) {
        const size_t rows = in->height - y < LANES ? in->height - y : LANES;
        gather_lanes(lanes, in, y);
        blend_lanes(narrow, lanes, &weights, wide->width);
        scatter_lanes(wide->pixels + y * wide->width, wide->width, narrow, rows);
    }
    weights_free(&weights);
    free(lanes);
    return true;
}

bool resize_bilinear(struct image *out, const struct image_view *in, struct error *error) {
    struct image wide;
    struct weights weights;
    if (in->height == out->height) {
        return resize_rows(out, in, error);
    }
    if (!image_alloc(&wide, in->height, out->width, error)) {
        return false;
    }
    bool good = resize_rows(&wide, in, error);
    if (good && weights_make(&weights, in->height, out->height, error)) {
        for (size_t y = 0; y < out->height; y++) {
            blend(out->pixels + y * out->width, wide.pixels + weights.first[y] * wide.width,
                  wide.width, weights.taps[y], weights.weight + y * weights.most, out->width);
        }
        weights_free(&weights);
    } else {
        good = false;
    }
    image_free(&wide);
    return good;
}

static size_t nearest(size_t index, size_t in, size_t out) {
    const float scale = (float)((double)in / (double)out);
    const size_t source = (size_t)((double)index * (double)scale);
    return source < in ? source : in - 1;
}

bool resize_nearest(struct image *out, const struct image_view *in, struct error *error) {
    size_t *columns = malloc(out->width * sizeof *columns);
    if (columns == NULL) {
        return fail(error, "no memory to resize %zu columns", out->width);
    }
    for (size_t x = 0; x < out->width; x++) {
        const size_t source = nearest(x, in->width, out->width);
        columns[x] = in->flipped ? in->width - 1 - source : source;
    }
    size_t drawn = SIZE_MAX; // the source row that the last output row shows
    for (size_t y = 0; y < out->height; y++) {
        const size_t source = nearest(y, in->height, out->height);
        uint8_t *to = out->pixels + y * out->width;
        if (source == drawn) {
            memcpy(to, to - out->width, out->width);
            continue;
        }
        const uint8_t *from = in->pixels + source * in->stride;
        for (size_t x = 0; x < out->width; x++) {
            to[x] = from[columns[x]];
        }
        drawn = source;
    }
    free(columns);
    return true;
}
