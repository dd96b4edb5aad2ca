// Phantoms: made-up frontal chest X-rays, some with a pneumothorax and its annotations.
#ifndef PLEURA_PHANTOM_PHANTOM_H
#define PLEURA_PHANTOM_PHANTOM_H

#include "core/error.h"
#include "image/image.h"

#include <stddef.h>
#include <stdint.h>

#define PHANTOM_MIN_SIDE 64
#define PHANTOM_MAX_SIDE 2048

// What the lesions of a collection are like. Each is drawn from wide distributions around these.
struct lesion_style {
    float area;     // median share of the image
    float contrast; // how much darker than drawn the air is, of the whole range; 0 is hard to see
};

// A drawn case. Each annotation of a lesion is a mask (0 and 1) of the image's size with at least
// one pixel set; there is none without a lesion and up to two with one (two pockets of air, or two
// readers of one pocket).
struct phantom {
    struct image image;
    struct image *lesions;
    size_t lesion_count;
};

// Draws patient `index` of the collection `seed`, side x side pixels, side in
// PHANTOM_MIN_SIDE..PHANTOM_MAX_SIDE. The same arguments give the same bytes on every machine; the
// same patient looks the same at every side, and with or without the lesion but for the lesion.
// Without a style there is no lesion.
// False for a side out of range or without memory; *out is then empty.
CHECKED bool phantom_draw(struct phantom *out, uint64_t seed, uint64_t index, size_t side,
                          const struct lesion_style *style, struct error *error);

// Frees the image and the masks and leaves an empty phantom, which may be freed again.
void phantom_free(struct phantom *phantom);

#endif
