// Means and deviations in blocks that stay in the first cache, so that the sums never travel to
// memory.
#include "challenge/ensemble.h"

#include "core/numbers/fp16.h"
#include "core/simd.h"
#include "image/mask.h"
#include "stream/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 1024

struct mean_block {
    double sum[BLOCK];
    double mean[BLOCK];
    double doubles[BLOCK];
    float floats[BLOCK];
};

bool dtype_is_float(enum dtype type) {
    return type == DTYPE_F2 || type == DTYPE_F4 || type == DTYPE_F8;
}

// ---- the mean

VECTORISED static void add_floats(double *restrict sum, const float *restrict numbers,
                                  double weight, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += weight * (double)numbers[i];
    }
}

VECTORISED static void add_doubles(double *restrict sum, const double *restrict numbers,
                                   double weight, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += weight * numbers[i];
    }
}

VECTORISED static void divide(double *sum, double divisor, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] /= divisor;
    }
}

VECTORISED static void round_to_float(float *restrict floats, const double *restrict numbers,
                                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        floats[i] = (float)numbers[i];
    }
}

// Cuts to a float's 24 bits and sets the last one where anything was cut off ("round to odd"): a
// second rounding, to float16, then gives what one rounding would have given (Boldo and Melquiond
// 2008).
VECTORISED static void round_to_odd(float *restrict floats, const double *restrict numbers,
                                    size_t count) {
    const uint64_t cut = (1u << 29) - 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        double odd;
        memcpy(&bits, &numbers[i], sizeof bits);
        bits = (bits | ((bits & cut) + cut)) & ~cut;
        memcpy(&odd, &bits, sizeof odd);
        floats[i] = (float)odd;
    }
}

// Reads a part of a tensor to the block's doubles, of type f8, or else to its floats.
static void read_block(struct mean_block *block, const struct tensor *input, size_t start,
                       size_t count) {
    const size_t size = dtype_size(input->type);
    const unsigned char *from = (const unsigned char *)input->data + start * size;
    if (input->type == DTYPE_F8) {
        memcpy(block->doubles, from, count * size);
    } else if (input->type == DTYPE_F2) {
        fp16_read(block->floats, from, count);
    } else {
        memcpy(block->floats, from, count * size);
    }
}

static void add(struct mean_block *block, const struct tensor *input, size_t start, size_t count,
                double weight) {
    read_block(block, input, start, count);
    if (input->type == DTYPE_F8) {
        add_doubles(block->sum, block->doubles, weight, count);
    } else {
        add_floats(block->sum, block->floats, weight, count);
    }
}

static void store(struct mean_block *block, enum dtype type, unsigned char *to, size_t count) {
    if (type == DTYPE_F8) {
        memcpy(to, block->sum, count * sizeof *block->sum);
    } else if (type == DTYPE_F4) {
        round_to_float(block->floats, block->sum, count);
        memcpy(to, block->floats, count * sizeof *block->floats);
    } else {
        round_to_odd(block->floats, block->sum, count);
        fp16_write(to, block->floats, count);
    }
}

// The sum of the weights.
static double total_of(const double *weights, size_t count) {
    double total = 0;
    for (size_t k = 0; k < count; k++) {
        total += weights[k];
    }
    return total;
}

// The mean of a part of the tensors, in block->sum.
static void take_mean(struct mean_block *block, const struct tensor *const *inputs,
                      const double *weights, size_t count, size_t start, size_t length) {
    memset(block->sum, 0, sizeof block->sum);
    for (size_t k = 0; k < count; k++) {
        add(block, inputs[k], start, length, weights[k]);
    }
    divide(block->sum, total_of(weights, count), length);
}

void ensemble_mean(const struct tensor *const *inputs, const double *weights, size_t count,
                   enum dtype type, void *mean) {
    struct mean_block block;
    const size_t elements = inputs[0]->bytes / dtype_size(inputs[0]->type);
    for (size_t start = 0; start < elements; start += BLOCK) {
        const size_t length = elements - start < BLOCK ? elements - start : BLOCK;
        take_mean(&block, inputs, weights, count, start, length);
        store(&block, type, (unsigned char *)mean + start * dtype_size(type), length);
    }
}

// ---- the deviation

VECTORISED static void widen(double *restrict doubles, const float *restrict floats, size_t count) {
    for (size_t i = 0; i < count; i++) {
        doubles[i] = (double)floats[i];
    }
}

VECTORISED static void add_squares(double *restrict sum, const double *restrict numbers,
                                   const double *restrict mean, double weight, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += weight * ((numbers[i] - mean[i]) * (numbers[i] - mean[i]));
    }
}

VECTORISED static void take_roots(double *numbers, double divisor, size_t count) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = sqrt(numbers[i] / divisor);
    }
}

void ensemble_deviation(const struct tensor *const *inputs, const double *weights, size_t count,
                        enum dtype type, void *deviation) {
    struct mean_block block;
    const size_t elements = inputs[0]->bytes / dtype_size(inputs[0]->type);
    for (size_t start = 0; start < elements; start += BLOCK) {
        const size_t length = elements - start < BLOCK ? elements - start : BLOCK;
        take_mean(&block, inputs, weights, count, start, length);
        memcpy(block.mean, block.sum, sizeof block.mean);
        memset(block.sum, 0, sizeof block.sum);
        for (size_t k = 0; k < count; k++) {
            read_block(&block, inputs[k], start, length);
            if (inputs[k]->type != DTYPE_F8) {
                widen(block.doubles, block.floats, length);
            }
            add_squares(block.sum, block.doubles, block.mean, weights[k], length);
        }
        take_roots(block.sum, total_of(weights, count), length);
        store(&block, type, (unsigned char *)deviation + start * dtype_size(type), length);
    }
}

// ---- masks

static bool resize_mask(struct image *mask, const struct tensor *tensor,
                        const struct record *record, struct error *error) {
    return image_set_size(mask, tensor->shape[0], tensor->shape[1], error) ||
           fail_within(error, "%.*s", TEXT_ARG(record->id));
}

bool mask_from_probability(const struct record *record, double threshold, struct image *mask,
                           struct error *error) {
    const struct tensor *tensor = NULL;
    if (!record_tensor(record, "probability", 2, &tensor, error)) {
        return false;
    }
    if (!dtype_is_float(tensor->type)) {
        return fail(error, "%.*s: 'probability' is %s, and must be <f2, <f4 or <f8",
                    TEXT_ARG(record->id), dtype_code(tensor->type));
    }
    if (!tensor_finite(tensor)) {
        return fail(error, "%.*s: 'probability' holds a number that is not finite",
                    TEXT_ARG(record->id));
    }
    if (!resize_mask(mask, tensor, record, error)) {
        return false;
    }
    if (tensor->type == DTYPE_F2) {
        mask_above_fp16(mask, tensor->data, threshold);
    } else if (tensor->type == DTYPE_F4) {
        mask_above_float(mask, tensor->data, threshold);
    } else {
        mask_above_double(mask, tensor->data, threshold);
    }
    return true;
}

VECTORISED static uint8_t greatest(const uint8_t *bytes, size_t count) {
    uint8_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most = bytes[i] > most ? bytes[i] : most;
    }
    return most;
}

bool mask_from_sample(const struct record *record, struct image *mask, struct error *error) {
    const struct tensor *tensor = NULL;
    if (!record_tensor(record, "mask", 2, &tensor, error)) {
        return false;
    }
    if (tensor->type != DTYPE_U1) {
        return fail(error, "%.*s: 'mask' is %s, and must be |u1", TEXT_ARG(record->id),
                    dtype_code(tensor->type));
    }
    if (!resize_mask(mask, tensor, record, error)) {
        return false;
    }
    const uint8_t most = greatest(tensor->data, tensor->bytes);
    if (most > 1) {
        return fail(error, "%.*s: 'mask' holds %d, not 0 and 1 only", TEXT_ARG(record->id), most);
    }
    memcpy(mask->pixels, tensor->data, tensor->bytes);
    return true;
}

// ---- areas

static int descending(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

int64_t ensemble_area_threshold(int64_t *areas, size_t count, double ratio) {
    const size_t rank = (size_t)((double)count * ratio);
    qsort(areas, count, sizeof *areas, descending);
    return rank < count ? areas[rank] : 0;
}
