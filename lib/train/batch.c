// Gathering samples.
#include "train/batch.h"

#include <stdlib.h>
#include <string.h>

#define MASK_MAX_SCALE 4

// The size of the sample's mask: that of its own tensor, or what its run lengths (now in
// batch->scratch) refer to.
static bool mask_size(struct batch *batch, const struct record *sample, size_t *height,
                      size_t *width, struct error *error) {
    const struct tensor *mask = NULL;
    if (record_find(sample, "mask") != NULL) {
        if (!record_tensor(sample, "mask", 2, &mask, error)) {
            return false;
        }
        *height = mask->shape[0];
        *width = mask->shape[1];
        return mask->type == DTYPE_U1 && mask->bytes > 0 && *height <= IMAGE_MAX_SIDE &&
                       *width <= IMAGE_MAX_SIDE && *height * *width <= IMAGE_MAX_PIXELS
                   ? true
                   : fail(error, "%.*s: 'mask' holds no bytes of 0 and 1", TEXT_ARG(sample->id));
    }
    if (!sample_mask_read(&batch->scratch, sample, error)) {
        return false;
    }
    *height = batch->scratch.height;
    *width = batch->scratch.width;
    return batch->scratch.labelled ||
           fail(error, "%.*s: has neither 'mask' nor 'rle' to learn from", TEXT_ARG(sample->id));
}

// Masks are about as large as their images, so that few bytes cannot ask for much memory.
static bool in_proportion(const struct batch *batch, const struct record *sample,
                          struct error *error) {
    return (batch->mask_height <= MASK_MAX_SCALE * batch->height &&
            batch->mask_width <= MASK_MAX_SCALE * batch->width) ||
           fail(error,
                "%.*s: a mask of %zu x %zu for an image of %zu x %zu: above %d times its sides",
                TEXT_ARG(sample->id), batch->mask_height, batch->mask_width, batch->height,
                batch->width, MASK_MAX_SCALE);
}

static bool allocate(struct batch *batch, struct error *error) {
    batch->images = calloc(batch->capacity, batch->height * batch->width);
    batch->masks = calloc(batch->capacity, batch->mask_height * batch->mask_width + 1);
    if (batch->images == NULL || batch->masks == NULL) {
        batch_free(batch);
        return fail(error, "no memory for a batch of %zu images", batch->capacity);
    }
    return true;
}

bool batch_open(struct batch *batch, size_t capacity, const struct record *sample, bool labelled,
                struct error *error) {
    struct image_view image;
    *batch = (struct batch){.capacity = capacity};
    if (!sample_image(sample, &image, error) ||
        (labelled && !mask_size(batch, sample, &batch->mask_height, &batch->mask_width, error))) {
        return false;
    }
    batch->height = image.height;
    batch->width = image.width;
    if (!in_proportion(batch, sample, error)) {
        return false;
    }
    return allocate(batch, error);
}

bool batch_like(struct batch *batch, const struct batch *other, struct error *error) {
    *batch = (struct batch){.capacity = other->capacity,
                            .height = other->height,
                            .width = other->width,
                            .mask_height = other->mask_height,
                            .mask_width = other->mask_width};
    // The sizes may come from elsewhere; products of such sides do not overflow.
    const size_t sides[] = {batch->height, batch->width, batch->mask_height, batch->mask_width};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        if (sides[i] > IMAGE_MAX_SIDE) {
            return fail(error, "a batch with a side of %zu: %d at most", sides[i], IMAGE_MAX_SIDE);
        }
    }
    return allocate(batch, error);
}

void batch_free(struct batch *batch) {
    free(batch->images);
    free(batch->masks);
    sample_mask_free(&batch->scratch);
    *batch = (struct batch){.count = 0};
}

static bool add_mask(struct batch *batch, const struct record *sample, struct error *error) {
    const size_t pixels = batch->mask_height * batch->mask_width;
    uint8_t *to = batch->masks + batch->count * pixels;
    const struct tensor *mask = NULL;
    size_t height = 0;
    size_t width = 0;
    if (!mask_size(batch, sample, &height, &width, error)) {
        return false;
    }
    if (height != batch->mask_height || width != batch->mask_width) {
        return fail(error, "%.*s: a mask of %zu x %zu among others of %zu x %zu",
                    TEXT_ARG(sample->id), height, width, batch->mask_height, batch->mask_width);
    }
    if (record_find(sample, "mask") == NULL) {
        struct image drawn = {to, height, width};
        runs_draw(&drawn, &batch->scratch.runs);
        return true;
    }
    if (!record_tensor(sample, "mask", 2, &mask, error)) {
        return false;
    }
    memcpy(to, mask->data, pixels);
    for (size_t i = 0; i < pixels; i++) {
        if (to[i] > 1) {
            return fail(error, "%.*s: 'mask' holds %d, not 0 and 1 only", TEXT_ARG(sample->id),
                        to[i]);
        }
    }
    return true;
}

bool batch_add(struct batch *batch, const struct record *sample, struct error *error) {
    struct image_view image;
    const size_t pixels = batch->height * batch->width;
    if (!sample_image(sample, &image, error)) {
        return false;
    }
    if (image.height != batch->height || image.width != batch->width) {
        return fail(error, "%.*s: an image of %zu x %zu among others of %zu x %zu; see augment",
                    TEXT_ARG(sample->id), image.height, image.width, batch->height, batch->width);
    }
    if (batch->mask_height > 0 && !add_mask(batch, sample, error)) {
        return false;
    }
    memcpy(batch->images + batch->count * pixels, image.pixels, pixels);
    batch->count++;
    return true;
}
