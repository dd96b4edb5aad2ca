// The binary focal loss (Lin et al. 2017, arXiv 1708.02002, without alpha), mean over all pixels of
// the batch, as in the ComboLoss of the challenge's first place: with gamma 0 plain cross entropy.
#include "loss/focal/focal.h"

#include "core/simd.h"
#include "loss/loss.h"
#include "loss/sum.h"

enum { BLOCK = 256 };

// The sum over at most BLOCK pixels, and the gradients.
VECTORISED static double add_block(const float *logits, const uint8_t *mask, size_t count,
                                   float gamma, float weight, float *gradient) {
    float losses[BLOCK];
    for (size_t i = 0; i < count; i++) {
        float derivative;
        losses[i] = focal_of_logit(logits[i], mask[i], gamma, &derivative);
        gradient[i] += weight * derivative;
    }
    return loss_sum(losses, count);
}

static double add(const struct loss_part *part) {
    const double share = part->weight / (double)(part->images * part->pixels);
    double sum = 0;
    for (size_t first = 0; first < part->pixels; first += BLOCK) {
        const size_t left = part->pixels - first;
        sum += add_block(part->logits + first, part->mask + first, left < BLOCK ? left : BLOCK,
                         (float)part->values[FOCAL_GAMMA], (float)(part->scale * share),
                         part->gradient + first);
    }
    return share * sum;
}

const struct loss_term focal_loss = {
    .name = "focal",
    .title = "focal loss",
    .heads = LOSS_MAPS,
    .optional = true,
    .weight = {.name = "focal",
               .argument = "W",
               .help = "weight of the focal loss",
               .minimum = 0,
               .maximum = 100},
    .settings = {[FOCAL_GAMMA] = {.name = "focal-gamma",
                                  .argument = "G",
                                  .help = "of the focal loss: how little sure pixels count",
                                  .minimum = 0,
                                  .maximum = 10,
                                  .usual = 2}},
    .add = add,
};
