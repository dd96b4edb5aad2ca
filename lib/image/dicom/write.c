// Writes small DICOM files: the dozen elements that a Secondary Capture object needs, in explicit
// VR little endian.
#include "image/dicom/dicom.h"

#include "image/codec/jpeg.h"
#include "image/dicom/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDARY_CAPTURE "1.2.840.10008.5.1.4.1.1.7"
#define EXPLICIT_LITTLE_ENDIAN "1.2.840.10008.1.2.1"
#define JPEG_BASELINE "1.2.840.10008.1.2.4.50"
// Ours, made from a random UUID once (PS3.5 B.2).
#define IMPLEMENTATION "2.25.263482570317865092386121846290375612847"

enum { MAX_HEADER = 2048, PREAMBLE = 128 };

struct bytes {
    uint8_t *data;
    size_t length;
};

static void put(struct bytes *out, const void *bytes, size_t length) {
    memcpy(out->data + out->length, bytes, length);
    out->length += length;
}

static void put_little(struct bytes *out, size_t value, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out->data[out->length++] = (uint8_t)(value >> 8 * i);
    }
}

static void put_header(struct bytes *out, uint32_t tag, const char *vr, size_t length) {
    put_little(out, tag >> 16, 2);
    put_little(out, tag & 0xFFFF, 2);
    put(out, vr, 2);
    if (strcmp(vr, "OB") == 0) { // two reserved bytes, then 32 bits
        put_little(out, 0, 2);
        put_little(out, length, 4);
    } else {
        put_little(out, length, 2);
    }
}

// Texts have an even length: UIDs get a NUL, the others a blank.
static void put_text(struct bytes *out, uint32_t tag, const char *vr, const char *text) {
    const size_t length = strlen(text);
    put_header(out, tag, vr, length + length % 2);
    put(out, text, length);
    if (length % 2 == 1) {
        put(out, strcmp(vr, "UI") == 0 ? "" : " ", 1);
    }
}

static void put_number(struct bytes *out, uint32_t tag, size_t value) {
    put_header(out, tag, "US", 2);
    put_little(out, value, 2);
}

// FNV-1a, 64 bits, with `what` in front so that an id has several numbers.
static unsigned long long hash(const char *what, const char *id) {
    unsigned long long value = 0xCBF29CE484222325ULL;
    const char *const texts[] = {what, id};
    for (size_t i = 0; i < 2; i++) {
        for (const char *letter = texts[i]; *letter != '\0'; letter++) {
            value = (value ^ (unsigned char)*letter) * 0x100000001B3ULL;
        }
    }
    return value ^ value >> 32;
}

// A UID below 2.25, whose number has 128 bits at most (38 digits here).
static void make_uid(char uid[DICOM_UID_SIZE], const char *what, const char *id) {
    char more[16];
    (void)snprintf(more, sizeof more, "%s more", what);
    (void)snprintf(uid, DICOM_UID_SIZE, "2.25.1%018llu%019llu",
                   hash(what, id) % 1000000000000000000ULL,
                   hash(more, id) % 10000000000000000000ULL);
}

static void put_meta(struct bytes *out, const char *uid, const char *transfer_syntax) {
    memset(out->data + out->length, 0, PREAMBLE);
    out->length += PREAMBLE;
    put(out, "DICM", 4);
    put_header(out, DICOM_TAG(0x0002, 0x0000), "UL", 4);
    put_little(out, 0, 4); // the group's length, known below
    const size_t start = out->length;
    put_header(out, DICOM_TAG(0x0002, 0x0001), "OB", 2);
    put_little(out, 0x0100, 2);
    put_text(out, DICOM_TAG(0x0002, 0x0002), "UI", SECONDARY_CAPTURE);
    put_text(out, DICOM_TAG(0x0002, 0x0003), "UI", uid);
    put_text(out, DICOM_TAG(0x0002, 0x0010), "UI", transfer_syntax);
    put_text(out, DICOM_TAG(0x0002, 0x0012), "UI", IMPLEMENTATION);
    put_text(out, DICOM_TAG(0x0002, 0x0013), "SH", "PLEURA");
    struct bytes group = {out->data, start - 4};
    put_little(&group, out->length - start, 4);
}

static void put_identity(struct bytes *out, const char *uid, const char *id) {
    char study[DICOM_UID_SIZE], series[DICOM_UID_SIZE];
    make_uid(study, "study", id);
    make_uid(series, "series", id);
    put_text(out, DICOM_TAG(0x0008, 0x0005), "CS", "ISO_IR 100");
    put_text(out, DICOM_TAG(0x0008, 0x0016), "UI", SECONDARY_CAPTURE);
    put_text(out, DICOM_TAG(0x0008, 0x0018), "UI", uid);
    put_text(out, DICOM_TAG(0x0008, 0x0020), "DA", "19010101");
    put_text(out, DICOM_TAG(0x0008, 0x0030), "TM", "000000.00");
    put_text(out, DICOM_TAG(0x0008, 0x0050), "SH", "");
    put_text(out, DICOM_TAG(0x0008, 0x0060), "CS", "CR");
    put_text(out, DICOM_TAG(0x0008, 0x0064), "CS", "SYN"); // a synthetic image
    put_text(out, DICOM_TAG(0x0008, 0x0090), "PN", "");
    put_text(out, DICOM_TAG(0x0010, 0x0010), "PN", "synthetic^");
    put_text(out, DICOM_TAG(0x0010, 0x0020), "LO", "synthetic");
    put_text(out, DICOM_TAG(0x0010, 0x0030), "DA", "");
    put_text(out, DICOM_TAG(0x0010, 0x0040), "CS", "");
    put_text(out, DICOM_TAG(0x0018, 0x0015), "CS", "CHEST");
    put_text(out, DICOM_TAG(0x0018, 0x5101), "CS", "PA");
    put_text(out, DICOM_TAG(0x0020, 0x000D), "UI", study);
    put_text(out, DICOM_TAG(0x0020, 0x000E), "UI", series);
    put_text(out, DICOM_TAG(0x0020, 0x0010), "SH", "");
    put_text(out, DICOM_TAG(0x0020, 0x0011), "IS", "1");
    put_text(out, DICOM_TAG(0x0020, 0x0013), "IS", "1");
    put_text(out, DICOM_TAG(0x0020, 0x0020), "CS", "");
}

static void put_image(struct bytes *out, const struct image *image, bool lossy) {
    put_number(out, DICOM_TAG(0x0028, 0x0002), 1);
    put_text(out, DICOM_TAG(0x0028, 0x0004), "CS", "MONOCHROME2");
    put_number(out, DICOM_TAG(0x0028, 0x0010), image->height);
    put_number(out, DICOM_TAG(0x0028, 0x0011), image->width);
    put_number(out, DICOM_TAG(0x0028, 0x0100), 8);
    put_number(out, DICOM_TAG(0x0028, 0x0101), 8);
    put_number(out, DICOM_TAG(0x0028, 0x0102), 7);
    put_number(out, DICOM_TAG(0x0028, 0x0103), 0);
    put_text(out, DICOM_TAG(0x0028, 0x2110), "CS", lossy ? "01" : "00");
    if (lossy) {
        put_text(out, DICOM_TAG(0x0028, 0x2114), "CS", "ISO_10918_1");
    }
}

// One fragment, behind an empty offset table.
static void put_encapsulated(struct bytes *out, const uint8_t *jpeg, size_t length) {
    put_header(out, DICOM_PIXEL_DATA, "OB", 0xFFFFFFFF);
    put(out, "\xFE\xFF\x00\xE0\0\0\0\0", 8);
    put(out, "\xFE\xFF\x00\xE0", 4);
    put_little(out, length + length % 2, 4);
    put(out, jpeg, length);
    put(out, "", length % 2);
    put(out, "\xFE\xFF\xDD\xE0\0\0\0\0", 8);
}

bool dicom_write_gray(const struct image *image, const char *id, int quality, uint8_t **bytes,
                      size_t *length, struct error *error) {
    *bytes = NULL;
    *length = 0;
    if (image->height == 0 || image->width == 0 || image->height > IMAGE_MAX_SIDE ||
        image->width > IMAGE_MAX_SIDE || image->height * image->width > IMAGE_MAX_PIXELS) {
        return fail(error, "a DICOM file cannot have %zu x %zu pixels", image->height,
                    image->width);
    }
    uint8_t *jpeg = NULL;
    size_t pixels = image->height * image->width;
    if (quality > 0 && !jpeg_encode_gray(image, quality, &jpeg, &pixels, error)) {
        return false;
    }
    struct bytes out = {malloc(MAX_HEADER + pixels), 0};
    if (out.data == NULL) {
        free(jpeg);
        return fail(error, "no memory for a file of %zu bytes", pixels);
    }
    char uid[DICOM_UID_SIZE];
    make_uid(uid, "image", id);
    put_meta(&out, uid, quality > 0 ? JPEG_BASELINE : EXPLICIT_LITTLE_ENDIAN);
    put_identity(&out, uid, id);
    put_image(&out, image, quality > 0);
    if (quality > 0) {
        put_encapsulated(&out, jpeg, pixels);
    } else {
        put_header(&out, DICOM_PIXEL_DATA, "OB", pixels + pixels % 2);
        put(&out, image->pixels, pixels);
        put(&out, "", pixels % 2);
    }
    free(jpeg);
    *bytes = out.data;
    *length = out.length;
    return true;
}
