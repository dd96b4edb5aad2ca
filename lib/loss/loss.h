// The losses on logit maps, with their gradients.
#ifndef PLEURA_LOSS_LOSS_H
#define PLEURA_LOSS_LOSS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// Maps of `images` images of `pixels` pixels each, one behind the other. Masks hold 0 and 1.
struct loss_maps {
    const float *logits;
    const uint8_t *masks;
    size_t images, pixels;
};

// ---- of a batch

// alpha * (mean BCE over the lesion's pixels) + (1 - alpha) * (mean BCE over the others), pixels of
// the whole batch; a class without a pixel adds 0. Adds `weight` * its gradient to gradient[images
// * pixels].
double balanced_bce(const struct loss_maps *maps, double alpha, double weight, float *gradient);

// Bytes that the Lovasz hinge of an image works with, which has at most LOVASZ_MOST_PIXELS.
#define LOVASZ_MOST_PIXELS ((size_t)UINT32_MAX - 1)
size_t lovasz_scratch_bytes(size_t pixels);

// Mean over the images of (Lovasz hinge of the lesion + Lovasz hinge of the background) / 2
// (Berman, Triki, Blaschko 2018; symmetric as in Yakubovskiy's and others' use), with a margin for
// each class. Adds `weight` * its gradient to gradient[images * pixels]. Where errors are equal
// their order is free: the value does not depend on it.
double symmetric_lovasz_hinge(const struct loss_maps *maps, double margin_empty,
                              double margin_lesion, double weight, float *gradient, void *scratch);

// ---- what one image adds to them, its maps and gradient beginning at its own pixels

// What a pixel of either kind counts, given the masks of the whole batch.
struct bce_shares {
    double lesion, empty;
};
struct bce_shares bce_shares_of(const uint8_t *masks, size_t count, double alpha);
double bce_of_image(const float *logits, const uint8_t *mask, size_t pixels,
                    struct bce_shares shares, double weight, float *gradient);

// The sum of both hinges; adds `weight` * its gradient.
double lovasz_of_image(const float *logits, const uint8_t *mask, size_t pixels, double margin_empty,
                       double margin_lesion, double weight, float *gradient, void *scratch);

// BCE of one logit against a target of 0 or 1, and its derivative.
double bce_with_logits(double logit, double target, double *derivative);

#endif
