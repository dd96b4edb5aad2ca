// The loss of all heads.
#include "train/total_loss.h"

#include <string.h>

const struct loss_options loss_options_usual = {
    .alpha = 0.25, .lambda_lovasz = 0.1, .margin_empty = 1, .margin_lesion = 5};

double head_weight(size_t head) {
    return head == 0 ? 1 : 0.4;
}

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

struct loss_parts total_loss(const struct loss_inputs *inputs, const struct loss_options *options,
                             double scale, void *scratch) {
    struct loss_parts parts = {0};
    for (size_t head = 0; head < inputs->heads; head++) {
        const struct loss_maps maps = {inputs->logits[head], inputs->masks, inputs->images,
                                       inputs->pixels};
        const double weight = head_weight(head);
        const double weight_lovasz = weight * options->lambda_lovasz;
        float *gradient = inputs->gradients[head];
        memset(gradient, 0, inputs->images * inputs->pixels * sizeof *gradient);
        parts.bce += weight * balanced_bce(&maps, options->alpha, scale * weight, gradient);
        parts.lovasz += weight_lovasz *
                        symmetric_lovasz_hinge(&maps, options->margin_empty, options->margin_lesion,
                                               scale * weight_lovasz, gradient, scratch);
    }
    global_loss(inputs, options, scale, &parts);
    parts.total = parts.bce + parts.lovasz + parts.global;
    return parts;
}
