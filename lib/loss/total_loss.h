// The loss of a network's heads.
#ifndef PLEURA_LOSS_TOTAL_LOSS_H
#define PLEURA_LOSS_TOTAL_LOSS_H

#include "loss/loss.h"

// The numbers of the loss; total_loss_usual has those of segmentation.
struct loss_options {
    double alpha;         // of the balanced BCE: the lesion's share
    double lambda_lovasz; // of the Lovasz hinge
    double lambda_cls;    // of the BCE of the global logit; 0 in segmentation
    double margin_empty, margin_lesion;
};
extern const struct loss_options loss_options_usual;

// What the loss consists of: sums over the heads, with their weights.
struct loss_parts {
    double total, bce, lovasz, global;
};

#define MOST_HEADS 4

// Logits of `heads` heads and the gap's (one an image), masks of 0 and 1; gradients are written.
struct loss_inputs {
    size_t heads, images, pixels;
    const float *logits[MOST_HEADS];
    const float *global;
    const uint8_t *masks;
    float *gradients[MOST_HEADS];
    float *global_gradient;
};

// Sum over the heads, weights 1, 0.4, 0.4, 0.4, of balanced BCE + lambda_lovasz * symmetric Lovasz
// hinge; + lambda_cls * mean BCE of the global logit against 'the mask has a pixel'. Gradients are
// multiplied by `scale`, the loss is not. The result is the same for any number of threads.
struct loss_parts total_loss(const struct loss_inputs *inputs, const struct loss_options *options,
                             double scale, int threads, void *scratch);

// Bytes of its scratch memory.
size_t total_loss_scratch(const struct loss_inputs *inputs, int threads);

// The weight of a head's loss.
static inline double head_weight(size_t head) {
    return head == 0 ? 1 : 0.4;
}

#endif
