// What tests of image formats share: errors name their part, and what image_describe says agrees
// with image_decode.
#ifndef PLEURA_TESTS_DESCRIBED_H
#define PLEURA_TESTS_DESCRIBED_H

#include "image/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static inline void assert_says(const struct error *error, const char *part) {
    if (error->text[0] == '\0' || strstr(error->text, part) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", error->text, part);
    }
}

// `decoded`, `image` and `error` are what image_decode gave: the same size, and what is refused by
// its header is refused in the same words.
static inline void expect_described(const uint8_t *bytes, size_t length, bool decoded,
                                    const struct image *image, const struct error *error) {
    struct image_header header;
    struct error refused = {""};
    if (!image_describe(bytes, length, &header, &refused)) {
        assert_false(decoded);
        assert_string_equal(refused.text, error->text);
    } else if (decoded) {
        assert_int_equal(header.height, image->height);
        assert_int_equal(header.width, image->width);
        assert_true(header.format[0] != '\0' && header.frames > 0);
    }
}

#endif
