// DICOM files made by hand, byte by byte, and what is expected of them.
#ifndef PLEURA_TESTS_DICOM_BUILD_H
#define PLEURA_TESTS_DICOM_BUILD_H

#include "described.h"
#include "image/dicom/dicom.h"
#include "image/dicom/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIXELS(text) text, sizeof(text) - 1

struct file {
    uint8_t bytes[4096];
    size_t length;
    bool implicit_vr, big_endian;
};

static inline void put_number(struct file *file, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        const int shift = 8 * (file->big_endian ? bytes - 1 - i : i);
        file->bytes[file->length++] = (uint8_t)(value >> shift);
    }
}

static inline void put_tag(struct file *file, uint32_t tag) {
    put_number(file, tag >> 16, 2);
    put_number(file, tag & 0xFFFF, 2);
}

static inline void put(struct file *file, uint32_t tag, const char *vr, const void *value,
                       uint32_t length) {
    put_tag(file, tag);
    if (file->implicit_vr) {
        put_number(file, length, 4);
    } else {
        memcpy(file->bytes + file->length, vr, 2);
        file->length += 2;
        const bool is_long = strstr("OB OW OD OF SQ SV UN UV", vr) != NULL;
        put_number(file, is_long ? 0 : length, 2);
        if (is_long) {
            put_number(file, length, 4);
        }
    }
    if (value != NULL) {
        memcpy(file->bytes + file->length, value, length);
        file->length += length;
    }
}

static inline void put_text(struct file *file, uint32_t tag, const char *vr, const char *text) {
    put(file, tag, vr, text, (uint32_t)strlen(text));
}

static inline void put_u16(struct file *file, uint32_t tag, uint32_t value) {
    put(file, tag, "US", NULL, 0);
    file->length -= file->implicit_vr ? 4 : 2;
    put_number(file, 2, file->implicit_vr ? 4 : 2);
    put_number(file, value, 2);
}

static inline void start(struct file *file, const char *transfer_syntax) {
    *file = (struct file){.length = 132};
    memcpy(file->bytes + 128, "DICM", 4);
    put_text(file, DICOM_TAG(2, 0x10), "UI", transfer_syntax);
    file->implicit_vr = strcmp(transfer_syntax, "1.2.840.10008.1.2") == 0;
    file->big_endian = strcmp(transfer_syntax, "1.2.840.10008.1.2.2") == 0;
}

struct form {
    const char *photometric;
    uint32_t rows, columns, samples, allocated, stored, high, is_signed;
};

static inline void put_form(struct file *file, const struct form *form) {
    put_text(file, DICOM_TAG(8, 0x60), "CS", "CR");
    put_u16(file, DICOM_TAG(0x28, 2), form->samples);
    put_text(file, DICOM_TAG(0x28, 4), "CS", form->photometric);
    put_u16(file, DICOM_TAG(0x28, 0x10), form->rows);
    put_u16(file, DICOM_TAG(0x28, 0x11), form->columns);
    put_u16(file, DICOM_TAG(0x28, 0x100), form->allocated);
    put_u16(file, DICOM_TAG(0x28, 0x101), form->stored);
    put_u16(file, DICOM_TAG(0x28, 0x102), form->high);
    put_u16(file, DICOM_TAG(0x28, 0x103), form->is_signed);
}

static inline void put_pixels(struct file *file, const char *vr, const char *pixels,
                              size_t length) {
    put(file, DICOM_PIXEL_DATA, vr, pixels, (uint32_t)length);
}

static inline void put_fragments(struct file *file, const char *pixels, size_t length,
                                 size_t pieces) {
    put(file, DICOM_PIXEL_DATA, "OB", NULL, 0xFFFFFFFF);
    put_tag(file, DICOM_TAG(0xFFFE, 0xE000));
    put_number(file, 0, 4);
    for (size_t i = 0; i < pieces; i++) {
        const size_t from = i * length / pieces, to = (i + 1) * length / pieces;
        put_tag(file, DICOM_TAG(0xFFFE, 0xE000));
        put_number(file, (uint32_t)(to - from), 4);
        memcpy(file->bytes + file->length, pixels + from, to - from);
        file->length += to - from;
    }
    put_tag(file, DICOM_TAG(0xFFFE, 0xE0DD));
    put_number(file, 0, 4);
}

// Decodes an exact copy, so that the sanitizer sees a read beyond the end.
static inline bool decode_by(const struct file *file, const struct image_options *options,
                             struct image *image, struct image_note *note, struct error *error) {
    uint8_t *piece = malloc(file->length + 1);
    assert_non_null(piece);
    memcpy(piece + 1, file->bytes, file->length);
    error->text[0] = '\0';
    const bool decoded = image_decode(piece + 1, file->length, options, image, note, error);
    expect_described(piece + 1, file->length, decoded, image, error);
    free(piece);
    return decoded;
}

static inline bool decode(const struct file *file, struct image *image, struct image_note *note,
                          struct error *error) {
    return decode_by(file, NULL, image, note, error);
}

static inline void expect_noted(const struct file *file, const char *pixels, size_t count,
                                const char *says) {
    struct image image;
    struct image_note note;
    struct error error;
    if (!decode(file, &image, &note, &error)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(image.height * image.width, count);
    assert_memory_equal(image.pixels, pixels, count);
    assert_string_equal(note.text, says);
    image_free(&image);
}

static inline void expect(const struct file *file, const char *pixels, size_t count) {
    expect_noted(file, pixels, count, "");
}

static inline void expect_refused(const struct file *file, const char *part) {
    struct image image;
    struct image_note note;
    struct error error;
    assert_false(decode(file, &image, &note, &error));
    assert_null(image.pixels);
    assert_says(&error, part);
}

static const char EXPLICIT[] = "1.2.840.10008.1.2.1";
static const struct form GRAY8 = {"MONOCHROME2", 2, 3, 1, 8, 8, 7, 0};

#endif
