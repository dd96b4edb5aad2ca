// The loss of a network: the weighted sum of the terms over its heads.
#ifndef PLEURA_LOSS_TOTAL_LOSS_H
#define PLEURA_LOSS_TOTAL_LOSS_H

#include "core/error.h"
#include "loss/loss.h"

// Each term's sum over the heads, times the weights, and the sum of all.
struct loss_sums {
    double total;
    double terms[LOSSES];
};

struct bilinear_plane;

enum { MAX_LOSS_HEADS = 4 }; // of those with a logit a pixel

// A batch's logits and masks, and where the gradients go: logits[h] and gradients[h] are images x
// pixels of head h (0: the main head), global and global_gradient one an image; masks are images x
// pixels of 0 and 1. Networks without a global logit have NULL there.
// A head whose planes[h] is not NULL, on the CPU alone, has logits and gradients of the plane's own
// size, which the loss brings to that of the masks and back.
struct loss_inputs {
    size_t heads, images, pixels;
    const float *logits[MAX_LOSS_HEADS];
    const float *global;
    const uint8_t *masks;
    float *gradients[MAX_LOSS_HEADS];
    float *global_gradient;
    const struct bilinear_plane *planes[MAX_LOSS_HEADS];
    size_t plane_width; // the greatest before resizing; 0: no head has a plane
};

// The sum over the heads (main: weight 1, auxiliary: 0.4 each, global: 1) and over the terms that
// read them. Gradients are written, multiplied by `scale`; the loss is not. The result is the same
// for any number of threads.
struct loss_sums total_loss(const struct loss_inputs *inputs, const struct loss_options *options,
                            double scale, int threads, void *scratch);

// Bytes of its scratch memory, which are enough with or without a global head. Only the sizes of
// `inputs` are looked at.
size_t total_loss_scratch(const struct loss_inputs *inputs, const struct loss_options *options,
                          int threads);

// Whether there are the heads that the terms read in a network with or without a `global` logit;
// *error names a term without.
CHECKED bool total_loss_has_heads(bool global, const struct loss_options *options,
                                  struct error *error);

// The weight of term `term` (enum loss_index) on a head, 0 where it does not read the head; head
// inputs->heads is the global one.
double loss_weight(const struct loss_inputs *inputs, const struct loss_options *options, int term,
                   size_t head);

#endif
