// Bringing images and masks to another size.
#ifndef PLEURA_IMAGE_RESIZE_H
#define PLEURA_IMAGE_RESIZE_H

#include "image/image.h"

// A window of an image, read mirrored left to right if `flipped`.
struct image_view {
    const uint8_t *pixels; // its upper left corner
    size_t height, width;
    size_t stride; // from one row to the next
    bool flipped;
};

// The whole image as it is.
struct image_view image_view_of(const struct image *image);

// Pillow's antialiased bilinear resize of 8-bit images, bit for bit (ImagingResample: weights in
// 22-bit fixed point, along the rows first and then along the columns, each pass rounded to 8 bits;
// a pass that keeps its length is left out). `out` has been allocated with the wanted size.
CHECKED bool resize_bilinear(struct image *out, const struct image_view *in, struct error *error);

// For masks: source index = floor(index * scale), scale = source size / size rounded to float32
// as in PyTorch's 'nearest'.
CHECKED bool resize_nearest(struct image *out, const struct image_view *in, struct error *error);

#endif
