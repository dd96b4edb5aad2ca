// An 8-bit gray image in memory, and what there is to say about one.
#ifndef PLEURA_IMAGE_IMAGE_H
#define PLEURA_IMAGE_IMAGE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Images are refused above this side and this number of pixels before anything is allocated.
#define IMAGE_MAX_SIDE 65535
#define IMAGE_MAX_PIXELS ((size_t)1 << 28)

// height x width pixels, row-major, no padding. Masks are images of 0 and 1.
struct image {
    uint8_t *pixels;
    size_t height, width;
};

// False for a size of 0 or above the limits.
CHECKED bool image_check_size(size_t height, size_t width, struct error *error);

// Makes an image of zeros. False for a size that image_check_size refuses, or without memory.
CHECKED bool image_alloc(struct image *image, size_t height, size_t width, struct error *error);

// The same for an image that serves again and again: one that has this size already stays as it is,
// any other is allocated anew, as zeros. False as image_alloc; the image is empty then.
CHECKED bool image_set_size(struct image *image, size_t height, size_t width, struct error *error);

// The grey level of a fraction from black (0) to white (1), rounded to the nearest; black or white
// beyond, black for what is no number.
uint8_t image_level(double fraction);

// Frees the pixels and leaves an empty image; an empty image may be freed again.
void image_free(struct image *image);

// What a person should be told about an image that was read ("first frame of 30"), several things
// with semicolons between them; empty for nothing.
struct image_note {
    char text[480];
};

// Adds one more thing to *note, unless it says that already; where there is no space for it, "..."
// says so.
void image_note_add(struct image_note *note, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif
