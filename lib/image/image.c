// Making and freeing images, and what there is to say about them.
#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool image_check_size(size_t height, size_t width, struct error *error) {
    if (height == 0 || width == 0) {
        return fail(error, "an image of %zu x %zu has no pixels", height, width);
    }
    if (height > IMAGE_MAX_SIDE || width > IMAGE_MAX_SIDE || height * width > IMAGE_MAX_PIXELS) {
        return fail(error, "an image of %zu x %zu is too large (at most %d a side and %zu pixels)",
                    height, width, IMAGE_MAX_SIDE, IMAGE_MAX_PIXELS);
    }
    return true;
}

bool image_alloc(struct image *image, size_t height, size_t width, struct error *error) {
    *image = (struct image){NULL, 0, 0};
    if (!image_check_size(height, width, error)) {
        return false;
    }
    image->pixels = calloc(height, width);
    if (image->pixels == NULL) {
        return fail(error, "no memory for an image of %zu x %zu", height, width);
    }
    image->height = height;
    image->width = width;
    return true;
}

bool image_set_size(struct image *image, size_t height, size_t width, struct error *error) {
    if (image->pixels != NULL && image->height == height && image->width == width) {
        return true;
    }
    image_free(image);
    return image_alloc(image, height, width, error);
}

uint8_t image_level(double fraction) {
    return (uint8_t)(255 * (fraction > 0 ? fraction < 1 ? fraction : 1 : 0) + 0.5);
}

void image_free(struct image *image) {
    free(image->pixels);
    *image = (struct image){NULL, 0, 0};
}

void image_note_add(struct image_note *note, const char *format, ...) {
    static const char between[] = "; ", left_out[] = "; ...";
    struct image_note more;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(more.text, sizeof more.text - sizeof left_out, format, arguments);
    va_end(arguments);
    const size_t used = strlen(note->text);
    const size_t left = sizeof note->text - used;
    if (strstr(note->text, more.text) != NULL) {
        return;
    }
    if (used == 0) {
        *note = more;
    } else if (strlen(more.text) + sizeof between + sizeof left_out <= left) {
        (void)snprintf(note->text + used, left, "%s%s", between, more.text);
    } else if (left >= sizeof left_out) {
        (void)snprintf(note->text + used, left, "%s", left_out);
    }
}
