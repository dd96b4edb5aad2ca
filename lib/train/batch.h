// Samples gathered for one step.
#ifndef PLEURA_TRAIN_BATCH_H
#define PLEURA_TRAIN_BATCH_H

#include "dataset/sample.h"

// Images of side height x width, one behind the other, and masks of 0 and 1 where there are any.
struct batch {
    size_t capacity, count; // images
    size_t height, width, mask_height, mask_width;
    uint8_t *images, *masks;
    struct sample_mask scratch;
};

// Takes the sizes from a first sample: `image`, and with `labelled` its `mask`, or what its run
// lengths refer to.
CHECKED bool batch_open(struct batch *batch, size_t capacity, const struct record *sample,
                        bool labelled, struct error *error);

// Of another batch's capacity and sizes, and empty. False with *error where a side is none of an
// image's, and without memory.
CHECKED bool batch_like(struct batch *batch, const struct batch *other, struct error *error);
void batch_free(struct batch *batch);

// Appends a copy of a sample; every sample must have the first one's sizes, and a mask if that had.
// batch->count = 0 starts anew.
CHECKED bool batch_add(struct batch *batch, const struct record *sample, struct error *error);

#endif
