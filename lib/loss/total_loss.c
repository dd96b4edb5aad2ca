// The loss of all heads on the CPU: each head of each image is on its own.
#include "loss/total_loss.h"

#include "core/simd.h"

#include <omp.h>
#include <string.h>

bool total_loss_has_heads(bool global, const struct loss_options *options, struct error *error) {
    for (int i = 0; i < LOSSES; i++) {
        if (options->weights[i] > 0 && loss_terms[i]->heads == LOSS_GLOBAL_HEAD && !global) {
            return fail(error, "the loss %s is of a global logit, which this network has not",
                        loss_terms[i]->name);
        }
    }
    return true;
}

// ---- scratch memory: a thread's for its term, the terms of each part, lesion pixels of each image

static size_t parts_of(const struct loss_inputs *inputs) {
    return (inputs->heads + (inputs->global != NULL ? 1 : 0)) * inputs->images;
}

static size_t workers(const struct loss_inputs *inputs, int threads) {
    return (size_t)threads < parts_of(inputs) ? (size_t)threads : parts_of(inputs);
}

// Bytes that a thread needs for any of the terms.
static size_t term_bytes(const struct loss_inputs *inputs, const struct loss_options *options) {
    size_t largest = 0;
    for (int i = 0; i < LOSSES; i++) {
        const struct loss_term *term = loss_terms[i];
        if (options->weights[i] > 0 && term->scratch_bytes != NULL) {
            const size_t bytes = (term->scratch_bytes(inputs->pixels) + 63) / 64 * 64;
            largest = bytes > largest ? bytes : largest;
        }
    }
    return largest;
}

size_t total_loss_scratch(const struct loss_inputs *inputs, const struct loss_options *options,
                          int threads) {
    return workers(inputs, threads) * term_bytes(inputs, options) +
           parts_of(inputs) * sizeof(double[LOSSES]) + inputs->images * sizeof(uint64_t);
}

// ---- parts

VECTORISED static uint64_t count_lesion(const uint8_t *mask, size_t pixels) {
    uint64_t sum = 0;
    for (size_t i = 0; i < pixels; i++) {
        sum += mask[i];
    }
    return sum;
}

// Part `index`: head by head, and in each image by image. What terms have of their
// own is left open.
static struct loss_part part_of(const struct loss_inputs *inputs, size_t index,
                                const uint64_t *lesions) {
    const size_t head = index / inputs->images;
    const size_t image = index % inputs->images;
    const size_t first = image * inputs->pixels;
    struct loss_part part = {.mask = inputs->masks + first,
                             .pixels = inputs->pixels,
                             .images = inputs->images,
                             .lesion = lesions[image]};
    if (head == inputs->heads) {
        part.logits = inputs->global + image;
        part.gradient = inputs->global_gradient + image;
    } else {
        part.logits = inputs->logits[head] + first;
        part.gradient = inputs->gradients[head] + first;
    }
    for (size_t i = 0; i < inputs->images; i++) {
        part.lesions += lesions[i];
    }
    return part;
}

// Writes the gradient of a part, which comes with scale and scratch memory, and each term's loss.
static void add_terms(const struct loss_inputs *inputs, const struct loss_options *options,
                      size_t head, struct loss_part *part, double *losses) {
    const size_t logits = head == inputs->heads ? 1 : inputs->pixels;
    memset(part->gradient, 0, logits * sizeof *part->gradient);
    for (int i = 0; i < LOSSES; i++) {
        part->weight = loss_weight(inputs, options, i, head);
        part->values = options->values[i];
        losses[i] = part->weight > 0 ? loss_terms[i]->add(part) : 0;
    }
}

struct loss_sums total_loss(const struct loss_inputs *inputs, const struct loss_options *options,
                            double scale, int threads, void *scratch) {
    const int count = (int)workers(inputs, threads);
    const size_t bytes = term_bytes(inputs, options);
    char *of_threads = scratch;
    double(*losses)[LOSSES] = (double(*)[LOSSES])(void *)(of_threads + (size_t)count * bytes);
    uint64_t *lesions = (uint64_t *)(void *)(losses + parts_of(inputs));
    struct loss_sums sums = {0};
    for (size_t i = 0; i < inputs->images; i++) {
        lesions[i] = count_lesion(inputs->masks + i * inputs->pixels, inputs->pixels);
    }
#pragma omp parallel for schedule(dynamic) num_threads(count)
    for (size_t i = 0; i < parts_of(inputs); i++) {
        struct loss_part part = part_of(inputs, i, lesions);
        part.scale = scale;
        part.scratch = of_threads + (size_t)omp_get_thread_num() * bytes;
        add_terms(inputs, options, i / inputs->images, &part, losses[i]);
    }
    for (int i = 0; i < LOSSES; i++) {
        for (size_t k = 0; k < parts_of(inputs); k++) {
            sums.terms[i] += losses[k][i];
        }
        sums.total += sums.terms[i];
    }
    return sums;
}
