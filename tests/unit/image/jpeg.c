// JPEG files: what libjpeg-turbo makes of samples must come back as gray, the right way up; what is
// not read is refused by its name.
#include "described.h"
#include "image/codec/jpeg_file.h"
#include "image/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include <cmocka.h>

enum { MAX_BYTES = 1 << 16, SOI_SIZE = 2 };

struct file {
    uint8_t bytes[MAX_BYTES];
    size_t length;
};

// Compresses at the best quality, height x width pixels of `format` (TJPF_...).
static void make(struct file *file, const void *pixels, int height, int width, int format,
                 int sampling, int flags) {
    tjhandle turbo = tjInitCompress();
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    assert_non_null(turbo);
    assert_int_equal(tjCompress2(turbo, pixels, width, 0, height, format, &bytes, &size, sampling,
                                 100, TJFLAG_ACCURATEDCT | flags),
                     0);
    assert_in_range(size, 1, MAX_BYTES);
    memcpy(file->bytes, bytes, size);
    file->length = size;
    tjFree(bytes);
    (void)tjDestroy(turbo);
}

// Puts a segment in front of all others.
static void insert(struct file *file, uint8_t marker, const void *body, size_t length) {
    const size_t size = length + 4;
    assert_in_range(file->length + size, 1, MAX_BYTES);
    memmove(file->bytes + SOI_SIZE + size, file->bytes + SOI_SIZE, file->length - SOI_SIZE);
    const uint8_t head[] = {0xFF, marker, (uint8_t)((length + 2) >> 8), (uint8_t)(length + 2)};
    memcpy(file->bytes + SOI_SIZE, head, sizeof head);
    memcpy(file->bytes + SOI_SIZE + sizeof head, body, length);
    file->length += size;
}

static uint8_t *frame_header(struct file *file) {
    for (size_t i = 0; i + 1 < file->length; i++) {
        if (file->bytes[i] == 0xFF && (file->bytes[i + 1] == 0xC0 || file->bytes[i + 1] == 0xC2)) {
            return file->bytes + i;
        }
    }
    fail_msg("no frame header");
    return NULL;
}

// Decodes an exact copy, so that the sanitizer sees a read beyond the end.
static bool decode(const struct file *file, struct image *image, struct image_note *note,
                   struct error *error) {
    uint8_t *exact = malloc(file->length);
    assert_non_null(exact);
    memcpy(exact, file->bytes, file->length);
    error->text[0] = '\0';
    const bool good = image_decode(exact, file->length, NULL, image, note, error);
    expect_described(exact, file->length, good, image, error);
    free(exact);
    return good;
}

// All pixels within 2 of `pixels`; the notice has `says` in it, or is empty for "".
static void expect(const struct file *file, const uint8_t *pixels, size_t height, size_t width,
                   const char *says) {
    struct image image;
    struct image_note note;
    struct error error;
    if (!decode(file, &image, &note, &error)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(image.height, height);
    assert_int_equal(image.width, width);
    for (size_t i = 0; i < height * width; i++) {
        assert_in_range(image.pixels[i] + 2, pixels[i], pixels[i] + 4);
    }
    assert_true(*says == '\0' ? note.text[0] == '\0' : strstr(note.text, says) != NULL);
    image_free(&image);
}

static void expect_refused(const struct file *file, const char *part) {
    struct image image;
    struct image_note note;
    struct error error;
    assert_false(decode(file, &image, &note, &error));
    assert_null(image.pixels);
    assert_says(&error, part);
}

static const uint8_t GRAY[] = {10, 60, 110, 160, 210, 250};

static void test_gray_and_colour(void **state) {
    (void)state;
    static const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    static const uint8_t luma[] = {76, 150, 29, 255}; // Rec. 601
    static const int flags[] = {0, TJFLAG_PROGRESSIVE};
    struct file file;
    for (size_t i = 0; i < 2; i++) {
        make(&file, GRAY, 2, 3, TJPF_GRAY, TJSAMP_GRAY, flags[i]);
        expect(&file, GRAY, 2, 3, "");
        make(&file, rgb, 1, 4, TJPF_RGB, TJSAMP_444, flags[i]);
        expect(&file, luma, 1, 4, "");
    }
    // Bytes behind the end are nothing to the image.
    memcpy(file.bytes + file.length, "more", 4);
    file.length += 4;
    expect(&file, luma, 1, 4, "");
}

// An Adobe segment that says RGB: the luma is made of the three components.
static void test_rgb(void **state) {
    (void)state;
    static const uint8_t mid[] = {76, 76, 76}, luma[] = {76};
    static const char adobe[] = "Adobe\0\144\0\0\0\0";
    struct file file;
    make(&file, mid, 1, 1, TJPF_RGB, TJSAMP_444, 0); // components 76, 128, 128
    expect(&file, luma, 1, 1, "");
    // libjpeg's own JFIF segment goes: it stands for YCbCr.
    assert_int_equal(file.bytes[3], 0xE0);
    memmove(file.bytes + 2, file.bytes + 20, file.length - 20);
    file.length -= 18;
    insert(&file, 0xEE, adobe, sizeof adobe);
    expect(&file, (const uint8_t[]){(76 * 299 + 128 * 587 + 128 * 114) / 1000}, 1, 1, "");
}

static void test_arithmetic(void **state) {
    (void)state;
    static uint8_t blank[512 * 512]; // so many pixels in so few bytes that Huffman codes could not
    struct file file;
    assert_int_equal(setenv("TJ_ARITHMETIC", "1", 1), 0);
    make(&file, GRAY, 2, 3, TJPF_GRAY, TJSAMP_GRAY, 0);
    assert_non_null(memmem(file.bytes, file.length, "\xFF\xC9", 2));
    expect(&file, GRAY, 2, 3, "");
    make(&file, blank, 512, 512, TJPF_GRAY, TJSAMP_GRAY, 0);
    assert_int_equal(unsetenv("TJ_ARITHMETIC"), 0);
    assert_in_range(file.length, 100, 512);
    expect(&file, blank, 512, 512, "");
}

// ---- which way up

// An Exif segment with an entry before the orientation's.
static size_t make_exif(char *exif, bool big_endian, unsigned type, unsigned value) {
    static const char little[] = "Exif\0\0II*\0\x08\0\0\0\2\0\x0F\1\2\0\2\0\0\0x\0\0\0\x12\1";
    static const char big[] = "Exif\0\0MM\0*\0\0\0\x08\0\2\1\x0F\0\2\0\0\0\2x\0\0\0\1\x12";
    const size_t length = sizeof little - 1;
    const uint8_t rest[2][14] = {{(uint8_t)type, 0, 1, 0, 0, 0, (uint8_t)value},
                                 {0, (uint8_t)type, 0, 0, 0, 1, 0, (uint8_t)value}};
    memcpy(exif, big_endian ? big : little, length);
    memcpy(exif + length, rest[big_endian], sizeof rest[0]);
    return length + sizeof rest[0];
}

static void test_orientation(void **state) {
    (void)state;
    // 0 1 2 / 3 4 5 as it is in the file, and how it has to be shown.
    static const struct {
        size_t height, width;
        uint8_t order[6];
    } cases[] = {
        {2, 3, {0, 1, 2, 3, 4, 5}}, {2, 3, {2, 1, 0, 5, 4, 3}}, {2, 3, {5, 4, 3, 2, 1, 0}},
        {2, 3, {3, 4, 5, 0, 1, 2}}, {3, 2, {0, 3, 1, 4, 2, 5}}, {3, 2, {3, 0, 4, 1, 5, 2}},
        {3, 2, {5, 2, 4, 1, 3, 0}}, {3, 2, {2, 5, 1, 4, 0, 3}},
    };
    for (unsigned i = 0; i < 16; i++) {
        char exif[64] = "";
        uint8_t wanted[6];
        struct file file;
        const unsigned orientation = i % 8;
        make(&file, GRAY, 2, 3, TJPF_GRAY, TJSAMP_GRAY, 0);
        insert(&file, 0xE1, exif, make_exif(exif, i >= 8, 3, orientation + 1));
        insert(&file, 0xE1, "http://ns.adobe.com/xap/1.0/", 29); // XMP shares the marker
        for (size_t j = 0; j < 6; j++) {
            wanted[j] = GRAY[cases[orientation].order[j]];
        }
        expect(&file, wanted, cases[orientation].height, cases[orientation].width, "");
    }
}

static void test_orientation_unknown(void **state) {
    (void)state;
    static const struct {
        unsigned type, value;
        const char *says; // "" where it is read with a notice
    } cases[] = {{3, 0, ""}, {3, 9, "only 1 to 8"}, {2, 1, "no number"}, {4, 77, "only 1 to 8"}};
    char exif[64] = "";
    struct file file;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make(&file, GRAY, 2, 3, TJPF_GRAY, TJSAMP_GRAY, 0);
        insert(&file, 0xE1, exif, make_exif(exif, false, cases[i].type, cases[i].value));
        if (*cases[i].says != '\0') {
            expect_refused(&file, cases[i].says);
        } else {
            expect(&file, GRAY, 2, 3, "orientation is 0");
        }
    }
    const size_t length = make_exif(exif, false, 3, 6);
    for (size_t kept = 6; kept < length - 4; kept++) { // the next directory is nothing to us
        make(&file, GRAY, 2, 3, TJPF_GRAY, TJSAMP_GRAY, 0);
        insert(&file, 0xE1, exif, kept);
        expect_refused(&file, "EXIF data are damaged");
    }
}

// ---- what is not read

static void test_kinds_not_read(void **state) {
    (void)state;
    static const uint8_t cmyk[] = {1, 2, 3, 4};
    static const struct {
        size_t offset; // from the frame header's marker on
        uint8_t value;
        const char *says;
    } cases[] = {{1, 0xC3, "lossless JPEG (SOF3)"},
                 {1, 0xF7, "JPEG-LS"},
                 {1, 0xC5, "hierarchical"},
                 {4, 12, "12 bits"},
                 {9, 2, "2 components"},
                 {9, 0, "0 components"}};
    struct file file;
    make(&file, cmyk, 1, 1, TJPF_CMYK, TJSAMP_444, 0);
    expect_refused(&file, "CMYK");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make(&file, GRAY, 2, 3, TJPF_GRAY, TJSAMP_GRAY, 0);
        frame_header(&file)[cases[i].offset] = cases[i].value;
        expect_refused(&file, cases[i].says);
    }
}

static void test_damage(void **state) {
    (void)state;
    struct file whole, file;
    make(&whole, GRAY, 2, 3, TJPF_GRAY, TJSAMP_GRAY, 0);
    enum { EOI_SIZE = 2 };
    for (size_t length = 3; length < whole.length - EOI_SIZE; length++) {
        file = whole;
        file.length = length;
        expect_refused(&file, "");
    }
    for (size_t left = 0; left < EOI_SIZE; left++) {
        file = whole;
        file.length = whole.length - EOI_SIZE + left;
        expect(&file, GRAY, 2, 3, "no end mark");
    }
    make(&file, GRAY, 2, 3, TJPF_GRAY, TJSAMP_GRAY, TJFLAG_PROGRESSIVE); // may lack a scan
    file.length -= EOI_SIZE;
    expect_refused(&file, "");
    file = whole; // 65,535 x 65,535, and what fits the limit but not the file
    memset(frame_header(&file) + 5, 0xFF, 4);
    expect_refused(&file, "cut short");
    file = whole;
    memcpy(frame_header(&file) + 5, "\0\0", 2);
    expect_refused(&file, "no pixels");
    file = whole;
    file.bytes[2] = 0xFF;
    file.bytes[3] = 0x01;
    expect_refused(&file, "no segment at byte 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gray_and_colour),
        cmocka_unit_test(test_rgb),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_orientation),
        cmocka_unit_test(test_orientation_unknown),
        cmocka_unit_test(test_kinds_not_read),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests_name("jpeg", tests, NULL, NULL);
}
