// Pictures for a person: a gray image in colour, with the outlines of masks drawn over it.
#ifndef PLEURA_IMAGE_OUTLINE_H
#define PLEURA_IMAGE_OUTLINE_H

#include "image/image.h"

struct colour {
    uint8_t red, green, blue;
};

// height x width x 3 bytes, row-major.
struct picture {
    uint8_t *rgb;
    size_t height, width;
};

// A colour picture of a gray image. False without memory.
CHECKED bool picture_from_gray(struct picture *picture, const struct image *gray,
                               struct error *error);

// Draws the rim around the mask's regions, `thickness` pixels wide and just outside of them, so
// that what is inside stays visible. The mask has the picture's size.
CHECKED bool picture_outline(struct picture *picture, const struct image *mask,
                             struct colour colour, size_t thickness, struct error *error);

void picture_free(struct picture *picture);

#endif
