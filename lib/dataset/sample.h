// One sample of a stream: its image, and the mask that its run lengths describe.
#ifndef PLEURA_DATASET_SAMPLE_H
#define PLEURA_DATASET_SAMPLE_H

#include "image/resize.h"
#include "image/runs.h"
#include "stream/record.h"

#define LESION_UNKNOWN (-1) // pixels of a lesion, of a sample without labels

// The sample's image: rank 2, bytes, within the limits of images.
CHECKED bool sample_image(const struct record *sample, struct image_view *image,
                          struct error *error);

// Memory for the mask of one sample after the other; starts as zeros but for the limit.
struct sample_mask {
    size_t max_pixels; // that a `size` may have; 0: as many as images

    bool labelled;
    size_t height, width; // what the runs refer to: `size`, or else the image's own
    struct runs runs;     // the union of `rle`
};

// Reads a sample's run lengths; without labels there are none. Fails for a sample without an image
// and for run lengths that do not fit it.
CHECKED bool sample_mask_read(struct sample_mask *mask, const struct record *sample,
                              struct error *error);

void sample_mask_free(struct sample_mask *mask);

// Pixels of a sample's lesion, or LESION_UNKNOWN.
CHECKED bool sample_lesion(struct sample_mask *mask, const struct record *sample, int64_t *pixels,
                           struct error *error);

// Whether a sample has a lesion; fails for one without labels.
CHECKED bool sample_has_lesion(struct sample_mask *mask, const struct record *sample,
                               bool *has_lesion, struct error *error);

#endif
