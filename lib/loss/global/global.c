// Binary cross entropy of the global logit against 'the mask has a pixel', mean over the images.
#include "loss/global/global.h"

#include "loss/loss.h"

static double add(const struct loss_part *part) {
    const double share = part->weight / (double)part->images;
    double derivative = 0;
    const double loss = global_bce(part->logits[0], part->lesion > 0 ? 1 : 0, &derivative);
    part->gradient[0] += (float)(part->scale * share * derivative);
    return share * loss;
}

const struct loss_term global_loss = {
    .name = "global",
    .title = "BCE of the global logit",
    .heads = LOSS_GLOBAL_HEAD,
    .weight = {.name = "lambda-cls",
               .argument = "L",
               .help = "of the global logit's BCE; 0.1 for classification",
               .minimum = 0,
               .maximum = 100},
    .add = add,
};
