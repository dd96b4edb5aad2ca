// Recognises an image by its content and hands it to its decoder.
#include "image/format.h"

#include <stdio.h>
#include <string.h>

#define X(name, extensions, sniff, decode, describe)                                               \
    image_sniff_function sniff;                                                                    \
    CHECKED image_decode_function decode;                                                          \
    CHECKED image_describe_function describe;
#include "image/formats.def"
#undef X

static const struct format {
    const char *name;
    image_sniff_function *sniff;
    image_decode_function *decode;
    image_describe_function *describe;
} FORMATS[] = {
#define X(name, extensions, sniff, decode, describe) {#name, sniff, decode, describe},
#include "image/formats.def"
#undef X
};

enum { FORMAT_COUNT = sizeof FORMATS / sizeof *FORMATS };

// The format of a file, or NULL with the reason.
static const struct format *find_format(const uint8_t *bytes, size_t length, struct error *error) {
    if (length == 0) {
        (void)fail(error, "is empty");
        return NULL;
    }
    char names[128] = "";
    for (size_t i = 0, used = 0; i < FORMAT_COUNT; i++) {
        if (FORMATS[i].sniff(bytes, length)) {
            return &FORMATS[i];
        }
        const int more = snprintf(names + used, sizeof names - used, "%s %s",
                                  i == 0 ? "neither" : " nor", FORMATS[i].name);
        used += more > 0 && (size_t)more < sizeof names - used ? (size_t)more : 0;
    }
    (void)fail(error, "%s", names);
    return NULL;
}

bool image_known(const uint8_t *bytes, size_t length) {
    return find_format(bytes, length, NULL) != NULL;
}

bool image_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                  struct image *out, struct image_note *note, struct error *error) {
    static const struct image_options defaults = {.voi = IMAGE_VOI_LUT};
    *out = (struct image){NULL, 0, 0};
    note->text[0] = '\0';
    const struct format *format = find_format(bytes, length, error);
    return format != NULL &&
           format->decode(bytes, length, options != NULL ? options : &defaults, out, note, error);
}

bool image_describe(const uint8_t *bytes, size_t length, struct image_header *header,
                    struct error *error) {
    *header = (struct image_header){.frames = 1};
    const struct format *format = find_format(bytes, length, error);
    if (format == NULL) {
        return false;
    }
    (void)snprintf(header->format, sizeof header->format, "%s", format->name);
    return format->describe(bytes, length, header, error);
}
