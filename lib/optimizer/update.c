// An update of all parameters on the CPU: whether all gradients are numbers, and their norm.
#include "optimizer/optimizer.h"

#include "core/simd.h"
#include "optimizer/clip.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 1 << 14 }; // parameters that a thread takes at a time

// Bits of magnitudes are compared: integers' order of work is free, floats' sums are not.
VECTORISED static bool all_finite(const float *numbers, size_t count) {
    const uint32_t infinity = 0x7F800000; // NaN is above
    uint32_t greatest = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &numbers[i], sizeof bits);
        bits &= 0x7FFFFFFF;
        greatest = bits > greatest ? bits : greatest;
    }
    return greatest < infinity;
}

static size_t block_count(size_t first, size_t end) {
    return end - first < BLOCK ? end - first : BLOCK;
}

// The least index of a number that is not finite; INT64_MAX: all are.
static int64_t first_not_finite(const float *numbers, size_t count, int threads) {
    int64_t found = INT64_MAX;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(min : found)
    for (size_t first = 0; first < count; first += BLOCK) {
        if (!all_finite(numbers + first, block_count(first, count))) {
            size_t i = first;
            while (isfinite(numbers[i])) {
                i++;
            }
            found = (int64_t)i < found ? (int64_t)i : found;
        }
    }
    return found;
}

// In lanes of our own number: the same sum on every processor.
VECTORISED static double sum_of_squares(const float *numbers, size_t count) {
    enum { LANES = 8 };
    double lanes[LANES] = {0};
    double sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            lanes[k] += (double)numbers[i + k] * (double)numbers[i + k];
        }
    }
    for (size_t k = 0; i + k < count; k++) {
        lanes[k] += (double)numbers[i + k] * (double)numbers[i + k];
    }
    for (size_t k = 0; k < LANES; k++) {
        sum += lanes[k];
    }
    return sum;
}

static struct gradient_norm norm_of(const struct optimizer_update *update, int threads) {
    const size_t share = update->count / NORM_PARTS + 1;
    double squares = 0;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t part = 0; part < NORM_PARTS; part++) {
        const size_t first = part * share < update->count ? part * share : update->count;
        const size_t left = update->count - first;
        update->norm_parts[part] =
            sum_of_squares(update->gradients + first, left < share ? left : share);
    }
    for (size_t part = 0; part < NORM_PARTS; part++) {
        squares += update->norm_parts[part];
    }
    return norm_of_squares(squares, update->clip);
}

VECTORISED static void scale(float *numbers, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] *= factor;
    }
}

VECTORISED static void follow(float *average, const float *parameters, size_t count, float gain) {
    for (size_t i = 0; i < count; i++) {
        average[i] += gain * (parameters[i] - average[i]);
    }
}

// Updates parameters that share their coefficients.
static void update_run(const struct optimizer_update *update,
                       const struct optimizer_coefficients *coefficients, size_t first,
                       size_t count) {
    const struct optimizer_rule *rule = optimizer_rules[update->index];
    float *moments[MAX_MOMENTS] = {NULL};
    for (size_t i = 0; i < rule->moments; i++) {
        moments[i] = update->moments[i] + first;
    }
    if (coefficients->frozen) {
        return;
    }
    if (update->clip > 0) {
        scale(update->gradients + first, count, update->norm->factor);
    }
    rule->update(coefficients, update->parameters + first, update->gradients + first, moments,
                 count);
    if (update->average != NULL) {
        follow(update->average + first, update->parameters + first, count, update->gain);
    }
    memset(update->gradients + first, 0, count * sizeof *update->gradients);
}

// How many parameters from `first` on are of the encoder like it, or are not.
static size_t alike(const struct optimizer_update *update, size_t first, size_t end) {
    size_t i = first + 1;
    while (i < end && update->encoder[i] == update->encoder[first]) {
        i++;
    }
    return i - first;
}

static void update_block(const struct optimizer_update *update,
                         const struct optimizer_coefficients *coefficients, size_t first,
                         size_t end) {
    if (update->encoder == NULL) {
        update_run(update, coefficients, first, end - first);
        return;
    }
    for (size_t i = first; i < end;) {
        const size_t count = alike(update, i, end);
        update_run(update, coefficients + (update->encoder[i] ? 2 : 0), i, count);
        i += count;
    }
}

static void update_range(const struct optimizer_update *update,
                         const struct optimizer_coefficients *coefficients, size_t first,
                         size_t end, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t block = first; block < end; block += BLOCK) {
        update_block(update, coefficients, block, block + block_count(block, end));
    }
}

static void clear_frozen(const struct optimizer_update *update) {
    for (size_t i = 0; i < update->count; i++) {
        update->gradients[i] = update->encoder[i] ? 0 : update->gradients[i];
    }
}

void optimizer_run(const struct optimizer_update *update, int threads) {
    if (update->encoder != NULL && update->coefficients[2].frozen) {
        clear_frozen(update);
    }
    *update->bad = first_not_finite(update->gradients, update->count, threads);
    if (update->clip > 0) {
        *update->norm = norm_of(update, threads);
    }
    update_range(update, &update->coefficients[0], 0, update->decaying, threads);
    update_range(update, &update->coefficients[1], update->decaying, update->count, threads);
}
