// Fuzzes png_decode, the way decode reads a PNG. libpng and zlib come from the system and are not
// instrumented: reads and writes beyond our memory show all the same, but coverage sees our file
// only. So each kind of header that is read, and each reason for which one is not, counts as
// coverage, too.
#include "fuzz.h"

#include "image/codec/png_codec.h"

#include <string.h>
#include <zlib.h>

enum {
    SIGNATURE = 8,
    CHUNK = 12, // bytes of length, name and checksum
    IHDR_END = SIGNATURE + 8 + 13,
    COUNTERS = 1 << 10,
};

// libFuzzer's own: it clears them before each input and reads them after it.
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

// One for each depth, colour type and interlacing that is read, one for each reason and colour type
// that is not.
static void count(const uint8_t *bytes, size_t length, const char *reason) {
    uint32_t hash = (uint32_t)crc32(0, (const Bytef *)reason, (uInt)strlen(reason));
    if (length >= IHDR_END) {
        const uint8_t *form = bytes + IHDR_END - 5; // depth, colour, two methods, interlacing
        const uint8_t sort[] = {*reason == 0 ? form[0] : 0, form[1] & 7, form[4] & 1};
        hash = (uint32_t)crc32(hash, sort, sizeof sort);
    }
    counters[hash % COUNTERS] = 1;
}

static size_t big32(const uint8_t *bytes) {
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

// Without right checksums nothing gets beyond the first chunk: three times in four they are
// repaired.
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t most, unsigned seed) {
    length = LLVMFuzzerMutate(bytes, length, most);
    for (size_t offset = SIGNATURE; seed % 4 != 0 && length >= offset + CHUNK;) {
        const size_t body = big32(bytes + offset);
        if (body > length - offset - CHUNK) {
            break;
        }
        const uint32_t checksum = (uint32_t)crc32(0, bytes + offset + 4, (uInt)(body + 4));
        for (size_t i = 0; i < 4; i++) {
            bytes[offset + 8 + body + i] = (uint8_t)(checksum >> (24 - 8 * i));
        }
        offset += CHUNK + body;
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const struct image_options options = {IMAGE_VOI_LUT};
    struct image image;
    struct image_note note;
    struct error error = {""};
    struct image_header header = {.frames = 1};
    struct error refused = {""};
    const bool described = png_describe(bytes, length, &header, &refused);
    if (!png_decode(bytes, length, &options, &image, &note, &error)) {
        PROMISE(described || strcmp(refused.text, error.text) == 0);
        PROMISE(image.pixels == NULL && error.text[0] != 0);
        count(bytes, length, error.text);
        return 0;
    }
    count(bytes, length, "");
    // What was read can be written and comes back.
    struct image again;
    uint8_t *file = NULL;
    size_t size = 0;
    PROMISE(image.height > 0 && image.width > 0);
    PROMISE(described && image.height == header.height && image.width == header.width);
    PROMISE(png_encode_gray(&image, 1, &file, &size, &error));
    PROMISE(png_decode(file, size, &options, &again, &note, &error));
    PROMISE(again.height == image.height && again.width == image.width);
    PROMISE(memcmp(again.pixels, image.pixels, image.height * image.width) == 0);
    image_free(&again);
    image_free(&image);
    free(file);
    return 0;
}
