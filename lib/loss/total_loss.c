// The loss of all heads.
#include "loss/total_loss.h"

#include <omp.h>
#include <string.h>

const struct loss_options loss_options_usual = {
    .alpha = 0.25, .lambda_lovasz = 0.1, .margin_empty = 1, .margin_lesion = 5};

static void global_loss(const struct loss_inputs *inputs, const struct loss_options *options,
                        double scale, struct loss_parts *parts) {
    const double share = options->lambda_cls / (double)inputs->images;
    parts->global = 0;
    for (size_t image = 0; image < inputs->images; image++) {
        const uint8_t *mask = inputs->masks + image * inputs->pixels;
        const double target = memchr(mask, 1, inputs->pixels) != NULL ? 1 : 0;
        double derivative = 0;
        const double loss = bce_with_logits(inputs->global[image], target, &derivative);
        parts->global += share * loss;
        inputs->global_gradient[image] = (float)(scale * share * derivative);
    }
}

// ---- each head of each image is on its own

struct map_losses {
    double bce, lovasz;
};

static size_t maps_of(const struct loss_inputs *inputs) {
    return inputs->heads * inputs->images;
}

static size_t workers(const struct loss_inputs *inputs, int threads) {
    return (size_t)threads < maps_of(inputs) ? (size_t)threads : maps_of(inputs);
}

size_t total_loss_scratch(const struct loss_inputs *inputs, int threads) {
    return workers(inputs, threads) * lovasz_scratch_bytes(inputs->pixels) +
           maps_of(inputs) * sizeof(struct map_losses);
}

static struct map_losses map_loss(const struct loss_inputs *inputs,
                                  const struct loss_options *options, struct bce_shares shares,
                                  double scale, size_t map, void *scratch) {
    const size_t head = map / inputs->images;
    const size_t first = map % inputs->images * inputs->pixels;
    const float *logits = inputs->logits[head] + first;
    const uint8_t *mask = inputs->masks + first;
    float *gradient = inputs->gradients[head] + first;
    const double weight = head_weight(head);
    const double hinge = weight * options->lambda_lovasz / (2 * (double)inputs->images);
    struct map_losses made;
    memset(gradient, 0, inputs->pixels * sizeof *gradient);
    made.bce =
        weight * bce_of_image(logits, mask, inputs->pixels, shares, scale * weight, gradient);
    made.lovasz = hinge * lovasz_of_image(logits, mask, inputs->pixels, options->margin_empty,
                                          options->margin_lesion, scale * hinge, gradient, scratch);
    return made;
}

struct loss_parts total_loss(const struct loss_inputs *inputs, const struct loss_options *options,
                             double scale, int threads, void *scratch) {
    const struct bce_shares shares =
        bce_shares_of(inputs->masks, inputs->images * inputs->pixels, options->alpha);
    const int count = (int)workers(inputs, threads);
    const size_t room = lovasz_scratch_bytes(inputs->pixels);
    char *rooms = scratch;
    struct map_losses *losses = (struct map_losses *)(void *)(rooms + (size_t)count * room);
    struct loss_parts parts = {0};
#pragma omp parallel for schedule(dynamic) num_threads(count)
    for (size_t map = 0; map < maps_of(inputs); map++) {
        losses[map] = map_loss(inputs, options, shares, scale, map,
                               rooms + (size_t)omp_get_thread_num() * room);
    }
    for (size_t map = 0; map < maps_of(inputs); map++) {
        parts.bce += losses[map].bce;
        parts.lovasz += losses[map].lovasz;
    }
    global_loss(inputs, options, scale, &parts);
    parts.total = parts.bce + parts.lovasz + parts.global;
    return parts;
}
