// The TIFF structure of Exif data, as far as the orientation, and the pixels' new order.
#include "image/codec/exif.h"

#include <string.h>

enum {
    ENTRY = 12, // bytes of an entry: tag, type, count, value
    ORIENTATION = 0x0112,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
};

struct tiff {
    const uint8_t *bytes;
    size_t length;
    bool big_endian;
};

static uint32_t read_number(const struct tiff *tiff, size_t offset, size_t count) {
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value << 8 | tiff->bytes[offset + (tiff->big_endian ? i : count - 1 - i)];
    }
    return value;
}

// The first directory's entries: where they start and how many there are.
static bool find_entries(const struct tiff *tiff, size_t *start, size_t *count) {
    if (tiff->length < 8 || read_number(tiff, 2, 2) != 42) {
        return false;
    }
    const size_t directory = read_number(tiff, 4, 4);
    if (directory > tiff->length - 2) {
        return false;
    }
    *start = directory + 2;
    *count = read_number(tiff, directory, 2);
    return *count <= (tiff->length - *start) / ENTRY;
}

static bool take_orientation(const struct tiff *tiff, size_t entry, unsigned *orientation,
                             struct image_note *note, struct error *error) {
    const uint32_t type = read_number(tiff, entry + 2, 2);
    const uint32_t value = read_number(tiff, entry + 8, type == TYPE_LONG ? 4 : 2);
    if ((type != TYPE_SHORT && type != TYPE_LONG) || read_number(tiff, entry + 4, 4) != 1) {
        return fail(error, "its EXIF orientation is no number");
    }
    if (value > 8) {
        return fail(error, "its EXIF orientation is %u: only 1 to 8 are defined", value);
    }
    if (value == 0) {
        image_note_add(note, "its EXIF orientation is 0: taken as it is");
    }
    *orientation = value == 0 ? 1 : value;
    return true;
}

bool exif_orientation(const uint8_t *bytes, size_t length, unsigned *orientation,
                      struct image_note *note, struct error *error) {
    const struct tiff tiff = {bytes, length, length >= 1 && bytes[0] == 'M'};
    const char *mark = tiff.big_endian ? "MM" : "II";
    size_t start = 0, count = 0;
    *orientation = 1;
    if (length < 2 || memcmp(bytes, mark, 2) != 0 || !find_entries(&tiff, &start, &count)) {
        return fail(error, "its EXIF data are damaged: they may say which way up it is");
    }
    for (size_t i = 0; i < count; i++) {
        if (read_number(&tiff, start + i * ENTRY, 2) == ORIENTATION) {
            return take_orientation(&tiff, start + i * ENTRY, orientation, note, error);
        }
    }
    return true;
}

bool exif_apply_orientation(struct image *image, unsigned orientation, struct error *error) {
    const bool transposed = orientation >= 5;
    const bool from_below =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool from_right =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const size_t height = image->height, width = image->width;
    struct image upright;
    if (orientation == 1) {
        return true;
    }
    if (!image_alloc(&upright, transposed ? width : height, transposed ? height : width, error)) {
        return false;
    }
    uint8_t *to = upright.pixels;
    for (size_t y = 0; y < upright.height; y++) {
        for (size_t x = 0; x < upright.width; x++) {
            const size_t row = transposed ? x : y, column = transposed ? y : x;
            *to++ = image->pixels[(from_below ? height - 1 - row : row) * width +
                                  (from_right ? width - 1 - column : column)];
        }
    }
    image_free(image);
    *image = upright;
    return true;
}
