// Fuzz: JPEG files. libjpeg-turbo is not instrumented; what we read around it is.
#include "fuzz.h"

#include "image/codec/jpeg_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const struct image_options options = {IMAGE_VOI_LUT};
    struct image image;
    struct image_note note;
    struct error error = {""};
    struct image_header header = {.frames = 1};
    struct error refused = {""};
    (void)jpeg_file_sniff(bytes, length);
    const bool described = jpeg_file_describe(bytes, length, &header, &refused);
    if (jpeg_file_decode(bytes, length, &options, &image, &note, &error)) {
        PROMISE(image.height > 0 && image.width > 0);
        PROMISE(described && image.height == header.height && image.width == header.width);
    } else {
        PROMISE(image.pixels == NULL && error.text[0] != 0);
        PROMISE(described || strcmp(refused.text, error.text) == 0);
    }
    image_free(&image);
    return 0;
}
