// Outlines: a mask grown by the pen's width, less the mask.
#include "image/outline.h"

#include "image/mask.h"

#include <stdlib.h>
#include <string.h>

bool picture_from_gray(struct picture *picture, const struct image *gray, struct error *error) {
    const size_t count = gray->height * gray->width;
    *picture = (struct picture){malloc(3 * count), gray->height, gray->width};
    if (picture->rgb == NULL) {
        return fail(error, "no memory for a picture of %zu x %zu", gray->height, gray->width);
    }
    for (size_t i = 0; i < count; i++) {
        memset(picture->rgb + 3 * i, gray->pixels[i], 3);
    }
    return true;
}

bool picture_outline(struct picture *picture, const struct image *mask, struct colour colour,
                     size_t thickness, struct error *error) {
    struct image grown;
    if (mask->height != picture->height || mask->width != picture->width) {
        return fail(error, "a mask of %zu x %zu on a picture of %zu x %zu", mask->height,
                    mask->width, picture->height, picture->width);
    }
    if (!image_alloc(&grown, mask->height, mask->width, error)) {
        return false;
    }
    const bool dilated = mask_dilate(&grown, mask, 2 * thickness + 1, error);
    for (size_t i = 0; dilated && i < mask->height * mask->width; i++) {
        if (grown.pixels[i] != 0 && mask->pixels[i] == 0) {
            const uint8_t pixel[3] = {colour.red, colour.green, colour.blue};
            memcpy(picture->rgb + 3 * i, pixel, sizeof pixel);
        }
    }
    image_free(&grown);
    return dilated;
}

void picture_free(struct picture *picture) {
    free(picture->rgb);
    *picture = (struct picture){NULL, 0, 0};
}
