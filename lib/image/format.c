// Recognises an image by its content and hands it to its decoder.
#include "image/format.h"

#include <stdio.h>
#include <string.h>

#define X(name, sniff, decode)                                                                     \
    image_sniff_function sniff;                                                                    \
    CHECKED image_decode_function decode;
#include "image/formats.def"
#undef X

static const struct format {
    const char *name;
    image_sniff_function *sniff;
    image_decode_function *decode;
} FORMATS[] = {
#define X(name, sniff, decode) {#name, sniff, decode},
#include "image/formats.def"
#undef X
};

enum { FORMAT_COUNT = sizeof FORMATS / sizeof *FORMATS };

bool image_known(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (FORMATS[i].sniff(bytes, length)) {
            return true;
        }
    }
    return false;
}

bool image_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                  struct image *out, struct image_note *note, struct error *error) {
    static const struct image_options defaults = {.voi = IMAGE_VOI_LUT};
    *out = (struct image){NULL, 0, 0};
    note->text[0] = '\0';
    if (length == 0) {
        return fail(error, "is empty");
    }
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (FORMATS[i].sniff(bytes, length)) {
            return FORMATS[i].decode(bytes, length, options != NULL ? options : &defaults, out,
                                     note, error);
        }
    }
    char names[128] = "";
    for (size_t i = 0, used = 0; i < FORMAT_COUNT && used < sizeof names; i++) {
        const int more = snprintf(names + used, sizeof names - used, "%s %s",
                                  i == 0 ? "neither" : " nor", FORMATS[i].name);
        used += more > 0 ? (size_t)more : 0;
    }
    return fail(error, "%s", names);
}
