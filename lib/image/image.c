// Making and freeing images.
#include "image/image.h"

#include <stdlib.h>

bool image_alloc(struct image *image, size_t height, size_t width, struct error *error) {
    *image = (struct image){NULL, 0, 0};
    if (height == 0 || width == 0) {
        return fail(error, "an image of %zu x %zu has no pixels", height, width);
    }
    if (height > IMAGE_MAX_SIDE || width > IMAGE_MAX_SIDE || height * width > IMAGE_MAX_PIXELS) {
        return fail(error, "an image of %zu x %zu is too large (at most %d a side and %zu pixels)",
                    height, width, IMAGE_MAX_SIDE, IMAGE_MAX_PIXELS);
    }
    image->pixels = calloc(height, width);
    if (image->pixels == NULL) {
        return fail(error, "no memory for an image of %zu x %zu", height, width);
    }
    image->height = height;
    image->width = width;
    return true;
}

void image_free(struct image *image) {
    free(image->pixels);
    *image = (struct image){NULL, 0, 0};
}
