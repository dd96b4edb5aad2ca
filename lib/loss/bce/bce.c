// Balanced binary cross entropy: alpha * (mean over the lesion's pixels) + (1 - alpha) * (mean over
// the others), pixels of the whole batch; a class without a pixel adds 0. Unbalanced it is the mean
// over all pixels. exp and log are short
// polynomials of our own, so that the loop vectorises and gives the same bytes on every processor.
#include "loss/bce/bce.h"

#include "core/simd.h"
#include "loss/loss.h"
#include "loss/sum.h"

enum { BLOCK = 256 };

// Sums of the cross entropy over the lesion's pixels and over the others of at most BLOCK pixels,
// and the gradients.
VECTORISED static void add_block(const float *logits, const uint8_t *masks, size_t count,
                                 float weight_lesion, float weight_empty, float *gradient,
                                 double *sum_lesion, double *sum_empty) {
    float lesion[BLOCK];
    float empty[BLOCK];
    for (size_t i = 0; i < count; i++) {
        const float t = masks[i];
        float derivative;
        const float loss = bce_of_logit(logits[i], t, &derivative);
        lesion[i] = loss * t;
        empty[i] = loss * (1.0f - t);
        gradient[i] += derivative * (t * weight_lesion + (1.0f - t) * weight_empty);
    }
    *sum_lesion += loss_sum(lesion, count);
    *sum_empty += loss_sum(empty, count);
}

static double add(const struct loss_part *part) {
    const struct bce_shares shares =
        bce_shares_of((double)part->lesions, (double)(part->images * part->pixels), part->values);
    const double weight = part->scale * part->weight;
    double lesion = 0;
    double empty = 0;
    for (size_t first = 0; first < part->pixels; first += BLOCK) {
        const size_t left = part->pixels - first;
        add_block(part->logits + first, part->mask + first, left < BLOCK ? left : BLOCK,
                  (float)(weight * shares.lesion), (float)(weight * shares.empty),
                  part->gradient + first, &lesion, &empty);
    }
    return part->weight * (shares.empty * empty + shares.lesion * lesion);
}

const struct loss_term bce_loss = {
    .name = "bce",
    .title = "balanced BCE",
    .heads = LOSS_MAPS,
    .weight = {.name = "bce",
               .argument = "W",
               .help = "weight of the BCE",
               .minimum = 0,
               .maximum = 100,
               .usual = 1},
    .settings = {[BCE_ALPHA] = {.name = "alpha",
                                .argument = "A",
                                .help = "the lesion's share of the balanced BCE",
                                .minimum = 0,
                                .maximum = 1,
                                .usual = 0.25},
                 [BCE_BALANCE] = {.name = "bce-balance",
                                  .argument = "B",
                                  .help = "1: balanced; 0: the mean over all pixels alike; between "
                                          "them a mixture",
                                  .minimum = 0,
                                  .maximum = 1,
                                  .usual = 1}},
    .add = add,
};
