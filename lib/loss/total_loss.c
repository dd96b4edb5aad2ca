// The loss of all heads on the CPU: each head of each image is on its own.
#include "loss/total_loss.h"

#include "core/numbers/size.h"
#include "core/simd.h"
#include "nn/bilinear/plane.h"

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

// ---- scratch memory: a thread's for its term and for maps of the masks' size; the terms of each
// part; lesion pixels of each image

static size_t parts_of(const struct loss_inputs *inputs) {
    return (inputs->heads + (inputs->global != NULL ? 1 : 0)) * inputs->images;
}

static size_t workers(const struct loss_inputs *inputs, int threads) {
    return size_min((size_t)threads, parts_of(inputs));
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

// Numbers of float32 that fill whole cache lines.
static size_t padded(size_t floats) {
    return size_round_up(floats, 16);
}

// Floats that a thread needs to resize a head: logits, gradients, and a row of the logits.
static size_t map_floats(const struct loss_inputs *inputs) {
    return inputs->plane_width == 0 ? 0
                                    : 2 * padded(inputs->pixels) + padded(inputs->plane_width + 1);
}

static size_t thread_bytes(const struct loss_inputs *inputs, const struct loss_options *options) {
    return term_bytes(inputs, options) + map_floats(inputs) * sizeof(float);
}

size_t total_loss_scratch(const struct loss_inputs *inputs, const struct loss_options *options,
                          int threads) {
    // Sizes alone do not tell whether there is a global logit.
    const size_t parts = (inputs->heads + 1) * inputs->images;
    return size_min((size_t)threads, parts) * thread_bytes(inputs, options) +
           parts * sizeof(double[LOSSES]) + inputs->images * sizeof(uint64_t);
}

// ---- parts

VECTORISED static uint64_t count_lesion(const uint8_t *mask, size_t pixels) {
    uint64_t sum = 0;
    for (size_t i = 0; i < pixels; i++) {
        sum += mask[i];
    }
    return sum;
}

// Part `index`: head by head, and in each image by image. What terms have of their own, and the
// maps of a head that is resized, are left open.
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
    } else if (inputs->planes[head] == NULL) {
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

// The same for a head of another size than the masks: `maps` is a thread's map_floats.
static void add_resized(const struct loss_inputs *inputs, const struct loss_options *options,
                        size_t index, struct loss_part *part, float *maps, double *losses) {
    const size_t head = index / inputs->images;
    const struct bilinear_plane *plane = inputs->planes[head];
    const size_t first = index % inputs->images * plane->down.in * plane->along.in;
    float *logits = maps;
    float *row = maps + 2 * padded(inputs->pixels);
    for (size_t y = 0; y < plane->down.out; y++) {
        bilinear_plane_row(plane, inputs->logits[head] + first, y, row,
                           logits + y * plane->along.out);
    }
    part->logits = logits;
    part->gradient = maps + padded(inputs->pixels);
    add_terms(inputs, options, head, part, losses);
    // The logits have been read: their memory is the row's.
    bilinear_plane_gather(plane, part->gradient, logits, inputs->gradients[head] + first);
}

struct loss_sums total_loss(const struct loss_inputs *inputs, const struct loss_options *options,
                            double scale, int threads, void *scratch) {
    const int count = (int)workers(inputs, threads);
    const size_t bytes = thread_bytes(inputs, options);
    char *of_threads = scratch;
    double(*losses)[LOSSES] = (double(*)[LOSSES])(void *)(of_threads + (size_t)count * bytes);
    uint64_t *lesions = (uint64_t *)(void *)(losses + parts_of(inputs));
    struct loss_sums sums = {0};
    for (size_t i = 0; i < inputs->images; i++) {
        lesions[i] = count_lesion(inputs->masks + i * inputs->pixels, inputs->pixels);
    }
#pragma omp parallel for schedule(dynamic) num_threads(count)
    for (size_t i = 0; i < parts_of(inputs); i++) {
        const size_t head = i / inputs->images;
        char *own = of_threads + (size_t)omp_get_thread_num() * bytes;
        struct loss_part part = part_of(inputs, i, lesions);
        part.scale = scale;
        part.scratch = own + map_floats(inputs) * sizeof(float);
        if (head < inputs->heads && inputs->planes[head] != NULL) {
            add_resized(inputs, options, i, &part, (float *)(void *)own, losses[i]);
        } else {
            add_terms(inputs, options, head, &part, losses[i]);
        }
    }
    for (int i = 0; i < LOSSES; i++) {
        for (size_t k = 0; k < parts_of(inputs); k++) {
            sums.terms[i] += losses[k][i];
        }
        sums.total += sums.terms[i];
    }
    return sums;
}
