// Soft Dice (Milletari et al. 2016, arXiv 1606.04797), mean over the images: with p = sigmoid(z) of
// an image's pixels and t its mask, 1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s). The smoothing s
// is that of the challenge's first place, which takes the sums over all images of a batch. With a
// weight e the same sums of 1 - p and 1 - t, times e, are added to each side, as in the original's
// loss with class weights e and 1. (The original has 2 s above, so that its loss is below 0 where
// mask and prediction are empty.)
#include "loss/dice/dice.h"

#include "core/simd.h"
#include "loss/loss.h"

enum { BLOCK = 256 };

// Adds at most BLOCK pixels to the sums of p t and of p.
VECTORISED static void sum_block(const float *logits, const uint8_t *mask, size_t count,
                                 double *both, double *predicted) {
    float p[BLOCK];
    for (size_t i = 0; i < count; i++) {
        p[i] = dice_probability(logits[i]);
    }
    for (size_t i = 0; i < count; i++) { // in order, for the same bytes on every processor
        *both += mask[i] ? (double)p[i] : 0;
        *predicted += (double)p[i];
    }
}

VECTORISED static void add_gradient(const struct loss_part *part, struct dice_quotient quotient,
                                    float weight) {
    for (size_t i = 0; i < part->pixels; i++) {
        part->gradient[i] +=
            weight * dice_derivative(dice_probability(part->logits[i]), part->mask[i], &quotient);
    }
}

static double add(const struct loss_part *part) {
    const double share = part->weight / (double)part->images;
    double both = 0;
    double predicted = 0;
    for (size_t first = 0; first < part->pixels; first += BLOCK) {
        const size_t left = part->pixels - first;
        sum_block(part->logits + first, part->mask + first, left < BLOCK ? left : BLOCK, &both,
                  &predicted);
    }
    const struct dice_quotient quotient =
        dice_of_sums(both, predicted, (double)part->lesion, (double)part->pixels, part->values);
    add_gradient(part, quotient, (float)(part->scale * share));
    return share * (1 - quotient.dice);
}

const struct loss_term dice_loss = {
    .name = "dice",
    .title = "soft Dice",
    .heads = LOSS_MAPS,
    .optional = true,
    .weight = {.name = "dice",
               .argument = "W",
               .help = "weight of the soft Dice loss of each image",
               .minimum = 0,
               .maximum = 100},
    .settings = {[DICE_SMOOTHING] = {.name = "dice-smoothing",
                                     .argument = "S",
                                     .help = "pixels that are added to both sides of the soft "
                                             "Dice's quotient",
                                     .minimum = 1e-9,
                                     .maximum = 1e6,
                                     .usual = 1e-5},
                 [DICE_EMPTY] = {.name = "dice-empty",
                                 .argument = "E",
                                 .help = "weight of what is no lesion in the soft Dice, where the "
                                         "lesion's is 1",
                                 .minimum = 0,
                                 .maximum = 100}},
    .add = add,
};
