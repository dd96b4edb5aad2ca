// Writes small DICOM files: the dozen elements that a Secondary Capture object needs, in explicit
// VR little endian.
#include "image/dicom/dicom.h"

#include "image/codec/jpeg.h"
#include "image/dicom/write/dataset.h"

#include <stdio.h>
#include <stdlib.h>

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

static void put_identity(struct dicom_builder *out, const char *id) {
    char study[DICOM_UID_SIZE], series[DICOM_UID_SIZE];
    make_uid(study, "study", id);
    make_uid(series, "series", id);
    dicom_put_text(out, DICOM_TAG(0x0008, 0x0005), "CS", "ISO_IR 100");
    dicom_put_text(out, DICOM_TAG(0x0008, 0x0020), "DA", "19010101");
    dicom_put_text(out, DICOM_TAG(0x0008, 0x0030), "TM", "000000.00");
    dicom_put_text(out, DICOM_TAG(0x0008, 0x0050), "SH", "");
    dicom_put_text(out, DICOM_TAG(0x0008, 0x0060), "CS", "CR");
    dicom_put_text(out, DICOM_TAG(0x0008, 0x0064), "CS", "SYN"); // a synthetic image
    dicom_put_text(out, DICOM_TAG(0x0008, 0x0090), "PN", "");
    dicom_put_text(out, DICOM_TAG(0x0010, 0x0010), "PN", "synthetic^");
    dicom_put_text(out, DICOM_TAG(0x0010, 0x0020), "LO", "synthetic");
    dicom_put_text(out, DICOM_TAG(0x0010, 0x0030), "DA", "");
    dicom_put_text(out, DICOM_TAG(0x0010, 0x0040), "CS", "");
    dicom_put_text(out, DICOM_TAG(0x0018, 0x0015), "CS", "CHEST");
    dicom_put_text(out, DICOM_TAG(0x0018, 0x5101), "CS", "PA");
    dicom_put_text(out, DICOM_TAG(0x0020, 0x000D), "UI", study);
    dicom_put_text(out, DICOM_TAG(0x0020, 0x000E), "UI", series);
    dicom_put_text(out, DICOM_TAG(0x0020, 0x0010), "SH", "");
    dicom_put_text(out, DICOM_TAG(0x0020, 0x0011), "IS", "1");
    dicom_put_text(out, DICOM_TAG(0x0020, 0x0013), "IS", "1");
    dicom_put_text(out, DICOM_TAG(0x0020, 0x0020), "CS", "");
}

static void put_image(struct dicom_builder *out, const struct image *image, bool lossy) {
    dicom_put_number(out, DICOM_TAG(0x0028, 0x0002), 1);
    dicom_put_text(out, DICOM_TAG(0x0028, 0x0004), "CS", "MONOCHROME2");
    dicom_put_number(out, DICOM_TAG(0x0028, 0x0010), image->height);
    dicom_put_number(out, DICOM_TAG(0x0028, 0x0011), image->width);
    dicom_put_number(out, DICOM_TAG(0x0028, 0x0100), 8);
    dicom_put_number(out, DICOM_TAG(0x0028, 0x0101), 8);
    dicom_put_number(out, DICOM_TAG(0x0028, 0x0102), 7);
    dicom_put_number(out, DICOM_TAG(0x0028, 0x0103), 0);
    dicom_put_text(out, DICOM_TAG(0x0028, 0x2110), "CS", lossy ? "01" : "00");
    if (lossy) {
        dicom_put_text(out, DICOM_TAG(0x0028, 0x2114), "CS", "ISO_10918_1");
    }
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
    struct dicom_builder out = {.bytes = NULL};
    char uid[DICOM_UID_SIZE];
    make_uid(uid, "image", id);
    put_identity(&out, id);
    put_image(&out, image, quality > 0);
    if (quality > 0) {
        dicom_put_encapsulated(&out, jpeg, pixels);
    } else {
        dicom_put(&out, DICOM_PIXEL_DATA, "OB", image->pixels, pixels);
    }
    free(jpeg);
    const bool made = dicom_file_bytes(
        &out, DICOM_SECONDARY_CAPTURE, uid,
        quality > 0 ? DICOM_JPEG_BASELINE : DICOM_EXPLICIT_LITTLE_ENDIAN, bytes, length, error);
    dicom_builder_free(&out);
    return made;
}
