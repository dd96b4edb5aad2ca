// Fuzzes png_decode, the way decode reads a PNG. libpng and zlib come from the system and are not
// instrumented: coverage steers by what lies in our file; reads and writes beyond our memory show
// all the same.
#include "fuzz.h"

#include "image/png.h"

#include <string.h>
#include <zlib.h>

enum { SIGNATURE = 8, CHUNK = 12 }; // bytes: CHUNK is length, name and checksum

static size_t big32(const uint8_t *bytes) {
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

// Without right checksums nothing gets beyond the first chunk: three times in four they are
// repaired.
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t most, unsigned seed) {
    length = LLVMFuzzerMutate(bytes, length, most);
    for (size_t at = SIGNATURE; seed % 4 != 0 && length >= at + CHUNK;) {
        const size_t body = big32(bytes + at);
        if (body > length - at - CHUNK) {
            break;
        }
        const uint32_t checksum = (uint32_t)crc32(0, bytes + at + 4, (uInt)(body + 4));
        for (size_t i = 0; i < 4; i++) {
            bytes[at + 8 + body + i] = (uint8_t)(checksum >> (24 - 8 * i));
        }
        at += CHUNK + body;
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct image image;
    struct image_note note;
    struct error error = {""};
    if (!png_decode(bytes, length, &image, &note, &error)) {
        PROMISE(image.pixels == NULL && error.text[0] != 0);
        return 0;
    }
    // What was read can be written and comes back.
    struct image again;
    uint8_t *file = NULL;
    size_t size = 0;
    PROMISE(image.height > 0 && image.width > 0);
    PROMISE(png_encode_gray(&image, 1, &file, &size, &error));
    PROMISE(png_decode(file, size, &again, &note, &error));
    PROMISE(again.height == image.height && again.width == image.width);
    PROMISE(memcmp(again.pixels, image.pixels, image.height * image.width) == 0);
    image_free(&again);
    image_free(&image);
    free(file);
    return 0;
}
