// Outlines: a mask grown by the pen's width, less the mask.
#include "image/rgb_image.h"

#include "image/mask.h"

#include <stdlib.h>
#include <string.h>

bool rgb_image_alloc(struct rgb_image *image, size_t height, size_t width, struct error *error) {
    if (!image_check_size(height, width, error)) {
        return false;
    }
    *image = (struct rgb_image){calloc(height * width, 3), height, width};
    return image->rgb != NULL || fail(error, "no memory for an image of %zu x %zu", height, width);
}

void rgb_image_place(struct rgb_image *image, const struct rgb_image *part, size_t top,
                     size_t left) {
    for (size_t y = 0; y < part->height; y++) {
        memcpy(image->rgb + 3 * ((top + y) * image->width + left), part->rgb + 3 * y * part->width,
               3 * part->width);
    }
}

bool rgb_image_from_gray(struct rgb_image *image, const struct image *gray, struct error *error) {
    const size_t count = gray->height * gray->width;
    *image = (struct rgb_image){malloc(3 * count), gray->height, gray->width};
    if (image->rgb == NULL) {
        return fail(error, "no memory for an image of %zu x %zu", gray->height, gray->width);
    }
    for (size_t i = 0; i < count; i++) {
        memset(image->rgb + 3 * i, gray->pixels[i], 3);
    }
    return true;
}

bool rgb_image_outline(struct rgb_image *image, const struct image *mask, struct colour colour,
                       size_t thickness, struct error *error) {
    struct image grown;
    if (mask->height != image->height || mask->width != image->width) {
        return fail(error, "a mask of %zu x %zu on an image of %zu x %zu", mask->height,
                    mask->width, image->height, image->width);
    }
    if (!image_alloc(&grown, mask->height, mask->width, error)) {
        return false;
    }
    const size_t longer = image->height > image->width ? image->height : image->width;
    const size_t pen = thickness > 0 ? thickness : longer / 400 + 1;
    const bool dilated = mask_dilate(&grown, mask, 2 * pen + 1, error);
    for (size_t i = 0; dilated && i < mask->height * mask->width; i++) {
        if (grown.pixels[i] != 0 && mask->pixels[i] == 0) {
            const uint8_t pixel[3] = {colour.red, colour.green, colour.blue};
            memcpy(image->rgb + 3 * i, pixel, sizeof pixel);
        }
    }
    image_free(&grown);
    return dilated;
}

void rgb_image_free(struct rgb_image *image) {
    free(image->rgb);
    *image = (struct rgb_image){NULL, 0, 0};
}
