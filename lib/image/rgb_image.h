// Colour images for a person: a gray image with the outlines of masks drawn over it.
#ifndef PLEURA_IMAGE_RGB_IMAGE_H
#define PLEURA_IMAGE_RGB_IMAGE_H

#include "image/image.h"

struct colour {
    uint8_t red, green, blue;
};

// What the lesion of a prediction is outlined in.
#define COLOUR_PREDICTION ((struct colour){255, 96, 64})

// height x width x 3 bytes, row-major.
struct rgb_image {
    uint8_t *rgb;
    size_t height, width;
};

// Makes a black image. False for sides above IMAGE_MAX_SIDE or more than IMAGE_MAX_PIXELS, or
// without memory.
CHECKED bool rgb_image_alloc(struct rgb_image *image, size_t height, size_t width,
                             struct error *error);

// Copies a part to (top, left) of the image, where it has its place.
void rgb_image_place(struct rgb_image *image, const struct rgb_image *part, size_t top,
                     size_t left);

// Makes a colour image of a gray one. False without memory.
CHECKED bool rgb_image_from_gray(struct rgb_image *image, const struct image *gray,
                                 struct error *error);

// Draws the rim around the mask's regions, `thickness` pixels wide (0: by the image's size) and
// just outside of them, so that what is inside stays visible. The mask has the image's size.
CHECKED bool rgb_image_outline(struct rgb_image *image, const struct image *mask,
                               struct colour colour, size_t thickness, struct error *error);

void rgb_image_free(struct rgb_image *image);

#endif
