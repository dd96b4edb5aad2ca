// From one sample as decode writes it to one that a network takes: crop, flip, resize.
#ifndef PLEURA_DATASET_AUGMENTATION_AUGMENT_H
#define PLEURA_DATASET_AUGMENTATION_AUGMENT_H

#include "dataset/augmentation/warp.h"
#include "dataset/sample.h"
#include "image/image.h"
#include "stream/record.h"

#define AUGMENT_MAX_SIDE 8192
#define AUGMENT_MAX_MASK_SIDE 16384

struct augment_rule {
    uint64_t seed;
    size_t side;      // of the image that comes out
    size_t mask_side; // of the mask that comes out
    size_t dilation;  // side of the box that masks are dilated with at their own size; 0: none
    bool plain;       // the whole image as it is: neither flipped nor any of the following
    // Probabilities of a change in tone (tone.h), of a shift, scale and turn, and of a distortion
    // (warp.h), each drawn on its own.
    double tone, shift_scale_rotate, distort;
};

// What is cut out of an image before it is resized, and whether it is mirrored left to right.
struct augment_crop {
    size_t top, left, height, width;
    bool flipped;
};

// The crop of sample number `position`: height and width drawn on their own, uniformly from
// floor(7/8 side) .. side (at least 1), the corner uniformly from those that fit, the flip with
// probability 1/2. Depends on nothing but its arguments.
struct augment_crop augment_draw_crop(uint64_t seed, uint64_t position, size_t height,
                                      size_t width);

// One sample that comes out, and the memory for it; starts as zeros, serves sample after sample.
struct augmented {
    struct record record; // points into the rest, and into the sample that came in
    struct sample_mask lesion;
    struct image drawn, dilated; // masks at the image's own size
    struct image image, mask;    // what comes out
    struct image warped;
    struct warp warp;
    bool mask_has_lesion; // `mask` is not all zeros
    struct tensor tensors[2];
    struct value size[2];
    struct field fields[RECORD_MAX_FIELDS];
};

// Makes sample number `position` from `sample`: `image` cropped, flipped and resized as Pillow does
// (bilinear, 8 bits) to side x side; with labels `mask` (0 and 1), the union of `rle`, dilated,
// cropped and flipped alike and brought to mask_side x mask_side (nearest). Then changes of tone,
// of the image, and of shape, of both, as they are drawn. `rle` fits the plain image only: with
// plain it stays, and `size` tells the [height, width] it refers to. All other fields pass. Fails
// for a sample that has a `mask` or a `size` already, for one without an image, and for run lengths
// that do not fit it.
CHECKED bool augment_sample(const struct augment_rule *rule, uint64_t position,
                            const struct record *sample, struct augmented *out,
                            struct error *error);

void augmented_free(struct augmented *out);

#endif
