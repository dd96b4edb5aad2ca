// Training on the CPU.
#include "train/training.h"

#include "core/error.h"
#include "core/simd.h"

#include <math.h>
#include <string.h>

const struct training_calls *training_of(const struct backend *backend) {
    return backend->training != NULL ? backend->training : &training_cpu;
}

bool training_has(const struct backend *backend, const struct loss_options *options,
                  struct error *error) {
    const bool *has = training_of(backend)->has_loss;
    for (int i = 0; i < LOSSES && has != NULL; i++) {
        if (options->weights[i] > 0 && !has[i]) {
            return fail(error, "this device has no kernel for the loss %s", loss_terms[i]->name);
        }
    }
    return true;
}

static size_t loss_scratch(struct backend *backend, const struct loss_inputs *inputs,
                           const struct loss_options *options) {
    return total_loss_scratch(inputs, options, backend->threads);
}

static void loss(struct backend *backend, const struct loss_inputs *inputs,
                 const struct loss_options *options, double scale, struct loss_sums *sums,
                 void *scratch) {
    *sums = total_loss(inputs, options, scale, backend->threads, scratch);
}

enum { BLOCK = 1 << 14 };

VECTORISED static bool all_finite(const float *numbers, size_t count) {
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += numbers[i] * 0.0F; // NaN of a NaN and of an infinity
    }
    return !isnan(sum);
}

static int64_t first_not_finite(const float *numbers, size_t count) {
    for (size_t first = 0; first < count; first += BLOCK) {
        const size_t some = count - first < BLOCK ? count - first : BLOCK;
        if (!all_finite(numbers + first, some)) {
            size_t i = first;
            while (isfinite(numbers[i])) {
                i++;
            }
            return (int64_t)i;
        }
    }
    return INT64_MAX;
}

static void update_some(int threads, const struct update *update, const struct radam_step *factors,
                        size_t first, size_t end) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t at = first; at < end; at += BLOCK) {
        const size_t count = end - at < BLOCK ? end - at : BLOCK;
        radam_update(factors, update->values + at, update->gradients + at, update->mean + at,
                     update->variance + at, count);
        memset(update->gradients + at, 0, count * sizeof *update->gradients);
    }
}

static void update(struct backend *backend, const struct update *update) {
    *update->bad = first_not_finite(update->gradients, update->count);
    update_some(backend->threads, update, &update->factors[0], 0, update->decaying);
    update_some(backend->threads, update, &update->factors[1], update->decaying, update->count);
}

const struct training_calls training_cpu = {loss_scratch, loss, update, NULL};
