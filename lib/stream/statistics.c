// Elements of every type become doubles, a block at a time, and go through one loop.
#include "stream/statistics.h"

#include "core/numbers/fp16.h"
#include "core/simd.h"

#include <math.h>
#include <string.h>

#define BLOCK 512
#define LANES 8 // running values side by side, so that the loop is a loop over vectors

struct running {
    double least[LANES], greatest[LANES], sum[LANES], nan[LANES];
};

size_t tensor_elements(const struct tensor *tensor) {
    return tensor->bytes / dtype_size(tensor->type);
}

// The bytes have no alignment, so they are copied into an array of their type first.
#define WIDEN(type)                                                                                \
    {                                                                                              \
        type block[BLOCK];                                                                         \
        memcpy(block, bytes, count * sizeof *block);                                               \
        for (size_t i = 0; i < count; i++) {                                                       \
            numbers[i] = (double)block[i];                                                         \
        }                                                                                          \
        break;                                                                                     \
    }

static void widen(double *numbers, enum dtype type, const unsigned char *bytes, size_t count) {
    switch (type) {
    case DTYPE_U1: WIDEN(uint8_t)
    case DTYPE_U2: WIDEN(uint16_t)
    case DTYPE_I4: WIDEN(int32_t)
    case DTYPE_I8: WIDEN(int64_t)
    case DTYPE_F4: WIDEN(float)
    case DTYPE_F8: WIDEN(double)
    default: {
        float block[BLOCK];
        fp16_read(block, bytes, count);
        for (size_t i = 0; i < count; i++) {
            numbers[i] = (double)block[i];
        }
    }
    }
}

// A number that is not finite has all bits of its exponent set.
#define ANY_NOT_FINITE(bits, exponent)                                                             \
    {                                                                                              \
        bits block[BLOCK];                                                                         \
        bits found = 0;                                                                            \
        memcpy(block, bytes, count * sizeof *block);                                               \
        for (size_t i = 0; i < count; i++) {                                                       \
            found |= (bits)((block[i] & (exponent)) == (exponent));                                \
        }                                                                                          \
        return found != 0;                                                                         \
    }

VECTORISED static bool any_not_finite(enum dtype type, const unsigned char *bytes, size_t count) {
    switch (type) {
    case DTYPE_F2: ANY_NOT_FINITE(uint16_t, 0x7C00)
    case DTYPE_F4: ANY_NOT_FINITE(uint32_t, 0x7F800000)
    case DTYPE_F8: ANY_NOT_FINITE(uint64_t, 0x7FF0000000000000)
    default: return false;
    }
}

bool tensor_finite(const struct tensor *tensor) {
    const size_t elements = tensor_elements(tensor);
    const unsigned char *bytes = tensor->data;
    bool finite = true;
    for (size_t i = 0; i < elements && finite; i += BLOCK) {
        const size_t count = elements - i < BLOCK ? elements - i : BLOCK;
        finite = !any_not_finite(tensor->type, bytes + i * dtype_size(tensor->type), count);
    }
    return finite;
}

static inline void take(struct running *running, size_t lane, double value) {
    running->least[lane] = value < running->least[lane] ? value : running->least[lane];
    running->greatest[lane] = value > running->greatest[lane] ? value : running->greatest[lane];
    running->nan[lane] = value == value ? running->nan[lane] : value;
    running->sum[lane] += value;
}

VECTORISED static void reduce(struct running *running, const double *numbers, size_t count) {
    const size_t whole = count - count % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            take(running, lane, numbers[i + lane]);
        }
    }
    for (size_t i = whole; i < count; i++) {
        take(running, i - whole, numbers[i]);
    }
}

bool tensor_statistics(const struct tensor *tensor, struct tensor_statistics *statistics) {
    const size_t elements = tensor_elements(tensor);
    const unsigned char *bytes = tensor->data;
    struct running running = {.nan = {0}};
    double numbers[BLOCK];
    double sum = 0;
    double nan = 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        running.least[lane] = INFINITY;
        running.greatest[lane] = -INFINITY;
    }
    for (size_t i = 0; i < elements; i += BLOCK) {
        const size_t count = elements - i < BLOCK ? elements - i : BLOCK;
        widen(numbers, tensor->type, bytes + i * dtype_size(tensor->type), count);
        reduce(&running, numbers, count);
    }
    *statistics = (struct tensor_statistics){.min = INFINITY, .max = -INFINITY};
    for (size_t lane = 0; lane < LANES; lane++) {
        statistics->min = fmin(statistics->min, running.least[lane]);
        statistics->max = fmax(statistics->max, running.greatest[lane]);
        sum += running.sum[lane];
        nan += running.nan[lane];
    }
    statistics->mean = sum / (double)elements;
    if (isnan(nan)) {
        *statistics = (struct tensor_statistics){NAN, NAN, NAN};
    }
    return elements > 0;
}
