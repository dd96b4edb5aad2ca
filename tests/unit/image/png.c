// PNG: what libpng's transformations must give, pixel by pixel; damage; what is written comes back.
#include "described.h"
#include "image/codec/png_codec.h"

#include "core/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

static const char SUITE[] = "../shared/data/pngsuite";

// ---- PNGs by hand

struct file {
    uint8_t bytes[4096];
    size_t length;
};

static void put32(struct file *file, size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        file->bytes[file->length++] = (uint8_t)(value >> shift);
    }
}

static void put_chunk(struct file *file, const char *name, const void *body, size_t length) {
    put32(file, length);
    const size_t start = file->length;
    memcpy(file->bytes + file->length, name, 4);
    file->length += 4;
    if (length > 0) {
        memcpy(file->bytes + file->length, body, length);
        file->length += length;
    }
    put32(file, crc32(0, file->bytes + start, (uInt)(file->length - start)));
}

static void start_png(struct file *file, size_t height, size_t width, int depth, int colour) {
    file->length = 0;
    memcpy(file->bytes, "\x89PNG\r\n\x1A\n", 8);
    file->length = 8;
    struct file header = {.length = 0};
    put32(&header, width);
    put32(&header, height);
    const uint8_t rest[] = {(uint8_t)depth, (uint8_t)colour, 0, 0, 0};
    memcpy(header.bytes + header.length, rest, sizeof rest);
    put_chunk(file, "IHDR", header.bytes, header.length + sizeof rest);
}

// One row of samples, with its filter byte in front.
static void end_png(struct file *file, const char *row, size_t length) {
    uint8_t packed[512];
    uLongf size = sizeof packed;
    assert_int_equal(compress(packed, &size, (const Bytef *)row, length), Z_OK);
    put_chunk(file, "IDAT", packed, size);
    put_chunk(file, "IEND", NULL, 0);
}

static void expect_with(const struct file *file, const struct image_options *options,
                        const char *pixels, size_t width, const char *says) {
    struct image image;
    struct image_note note;
    struct error error = {""};
    if (!image_decode(file->bytes, file->length, options, &image, &note, &error)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(image.height, 1);
    assert_int_equal(image.width, width);
    expect_described(file->bytes, file->length, true, &image, &error);
    assert_memory_equal(image.pixels, pixels, width);
    assert_string_equal(note.text, says);
    image_free(&image);
}

static void expect_noted(const struct file *file, const char *pixels, size_t width,
                         const char *says) {
    expect_with(file, NULL, pixels, width, says);
}

static void expect_row(const struct file *file, const char *pixels, size_t width) {
    expect_noted(file, pixels, width, "");
}

static void expect_refused(const uint8_t *bytes, size_t length, const char *part) {
    struct image image;
    struct image_note note;
    struct error error = {""};
    // In a piece of its own, so that the sanitizer sees a read beyond the end.
    uint8_t *piece = malloc(length + 1);
    assert_non_null(piece);
    uint8_t *exact = piece + 1;
    memcpy(exact, bytes, length);
    assert_false(image_decode(exact, length, NULL, &image, &note, &error));
    assert_null(image.pixels);
    assert_says(&error, part);
    expect_described(exact, length, false, &image, &error);
    free(piece);
}

static void test_depths(void **state) {
    (void)state;
    struct file file;
    start_png(&file, 1, 8, 1, 0);
    end_png(&file, "\0\x5A", 2);
    expect_row(&file, "\0\xFF\0\xFF\xFF\0\xFF\0", 8);
    start_png(&file, 1, 4, 2, 0);
    end_png(&file, "\0\x1B", 2);
    expect_row(&file, "\0\x55\xAA\xFF", 4);
    start_png(&file, 1, 4, 4, 0);
    end_png(&file, "\0\x08\x7F", 3);
    expect_row(&file, "\0\x88\x77\xFF", 4);
    start_png(&file, 1, 3, 8, 0);
    end_png(&file, "\0\x01\x80\xFE", 4);
    expect_row(&file, "\x01\x80\xFE", 3);
    // 16 bits are scaled, not cut: 0x01FF is 1.99 of 255.
    start_png(&file, 1, 4, 16, 0);
    end_png(&file, "\0\x00\x00\x01\xFF\x80\x80\xFF\xFF", 9);
    expect_row(&file, "\0\x02\x80\xFF", 4);
    // From the least to the greatest value: 12 bits in 16, and a part of them, with alpha.
    start_png(&file, 1, 4, 16, 0);
    end_png(&file, "\0\0\0\x02\x94\x05\x14\x0F\xFF", 9);
    expect_row(&file, "\0\x29\x51\xFF", 4);
    start_png(&file, 1, 4, 16, 4);
    end_png(&file, "\0\x01\0\xFF\xFF\x02\0\0\0\x03\0\xFF\xFF\x06\0\xFF\xFF", 17);
    expect_row(&file, "\0\x33\x66\xFF", 4);
    start_png(&file, 1, 2, 16, 0);
    end_png(&file, "\0\x12\x34\x12\x34", 5);
    expect_row(&file, "\0\0", 2);
}

// A mask's 0 stays what it is: the only level, or none.
static void test_range_from_zero(void **state) {
    (void)state;
    const struct image_options options = {.from_zero = true};
    struct file file;
    start_png(&file, 1, 2, 16, 0);
    end_png(&file, "\0\xFF\xFF\xFF\xFF", 5);
    expect_with(&file, &options, "\xFF\xFF", 2, "");
    start_png(&file, 1, 2, 16, 0);
    end_png(&file, "\0\0\0\0\0", 5);
    expect_with(&file, &options, "\0\0", 2, "");
    start_png(&file, 1, 2, 16, 0);
    end_png(&file, "\0\x10\0\x20\0", 5);
    expect_with(&file, &options, "\x80\xFF", 2, "");
}

// An orientation is told, in front of the pixels or behind them.
static void test_orientation(void **state) {
    (void)state;
    static const struct {
        const char *exif;
        size_t length;
        const char *says;
    } cases[] = {
        {"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\1\0\0\0", 22, ""},
        {"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0", 22,
         "its EXIF orientation is 6: left out"},
        {"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6", 19,
         "its EXIF data are damaged: they may say which way up it is: left out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file file;
        start_png(&file, 1, 3, 8, 0);
        put_chunk(&file, "eXIf", cases[i].exif, cases[i].length);
        end_png(&file, "\0\x01\x80\xFE", 4);
        expect_noted(&file, "\x01\x80\xFE", 3, cases[i].says);
        start_png(&file, 1, 3, 8, 0);
        end_png(&file, "\0\x01\x80\xFE", 4);
        file.length -= 12;
        put_chunk(&file, "eXIf", cases[i].exif, cases[i].length);
        put_chunk(&file, "IEND", NULL, 0);
        expect_noted(&file, "\x01\x80\xFE", 3, cases[i].says);
    }
}

static void test_colours(void **state) {
    (void)state;
    struct file file;
    start_png(&file, 1, 5, 8, 2);
    end_png(&file, "\0\xFF\0\0\0\xFF\0\0\0\xFF\x33\x33\x33\xFF\xFF\xFF", 16);
    expect_row(&file, "\x36\xB6\x12\x33\xFF", 5); // 0.2126, 0.7152, 0.0722 of 255
    start_png(&file, 1, 4, 2, 3);
    put_chunk(&file, "PLTE", "\x10\x10\x10\xFF\0\0\0\xFF\0\xFE\xFE\xFE", 12);
    end_png(&file, "\0\x1B", 2);
    expect_row(&file, "\x10\x36\xB6\xFE", 4);
    // Colours of 16 bits are what they are; nearly black ones are told.
    start_png(&file, 1, 2, 16, 2);
    end_png(&file, "\0\x80\x80\x80\x80\x80\x80\x40\x40\x40\x40\x40\x40", 13);
    expect_row(&file, "\x80\x40", 2);
    start_png(&file, 1, 1, 16, 2);
    end_png(&file, "\0\x0F\xFF\x0F\xFF\x0F\xFF", 7);
    expect_noted(&file, "\x10", 1, "its colours of 16 bits go up to 4095 of 65535 only");
}

// Transparent or not, whatever the gamma: a gray value is what the file says.
static void test_alpha_and_gamma(void **state) {
    (void)state;
    struct file file;
    start_png(&file, 1, 3, 8, 4);
    put_chunk(&file, "gAMA", "\0\0\x30\x00", 4);
    put_chunk(&file, "bKGD", "\0\x77", 2);
    end_png(&file, "\0\x40\x00\x80\x7F\xC0\xFF", 7);
    expect_row(&file, "\x40\x80\xC0", 3);
    start_png(&file, 1, 3, 8, 0);
    put_chunk(&file, "gAMA", "\0\0\x30\x00", 4);
    put_chunk(&file, "sBIT", "\x04", 1);
    put_chunk(&file, "tRNS", "\0\x80", 2);
    end_png(&file, "\0\x40\x80\xC0", 4);
    expect_row(&file, "\x40\x80\xC0", 3);
    start_png(&file, 1, 2, 8, 6);
    end_png(&file, "\0\x20\x20\x20\0\xFF\0\0\x01", 9);
    expect_row(&file, "\x20\x36", 2);
}

static void test_unknown_content(void **state) {
    (void)state;
    expect_refused((const uint8_t *)"ImageId,EncodedPixels\n", 22, "neither PNG nor DICOM");
    expect_refused((const uint8_t *)"", 0, "is empty");
    expect_refused((const uint8_t *)"\x89", 1, "neither PNG nor DICOM");
}

static void test_damage(void **state) {
    (void)state;
    struct file file;
    start_png(&file, 1, 24, 8, 0);
    end_png(&file, "\0abcdefghijklmnopqrstuvwx", 25);
    expect_row(&file, "abcdefghijklmnopqrstuvwx", 24);
    for (size_t length = 0; length < file.length; length++) {
        expect_refused(file.bytes, length, "");
    }
    // Every chunk here is critical: no changed byte goes unnoticed.
    for (size_t i = 0; i < file.length; i++) {
        for (int bit = 0; bit < 8; bit++) {
            file.bytes[i] ^= (uint8_t)(1 << bit);
            expect_refused(file.bytes, file.length, "");
            file.bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
}

// A row of `width` indices of `depth` bits, and a palette of three colours.
static void start_palette_png(struct file *file, size_t width, int depth) {
    static const uint8_t colours[] = {255, 255, 255, 9, 9, 9, 40, 40, 40};
    start_png(file, 1, width, depth, 3);
    put_chunk(file, "PLTE", colours, sizeof colours);
}

static void test_palette(void **state) {
    (void)state;
    struct file file;
    start_palette_png(&file, 4, 8);
    end_png(&file, "\0\0\2\1\1", 5);
    expect_row(&file, "\xFF\x28\x09\x09", 4);
    start_palette_png(&file, 4, 8);
    end_png(&file, "\0\0\2\1\3", 5);
    expect_refused(file.bytes, file.length, "pixels of colour 3 of its palette, which ends at 2");
    start_palette_png(&file, 4, 2);
    end_png(&file, "\0\x19", 2);
    expect_row(&file, "\xFF\x09\x28\x09", 4);
    start_palette_png(&file, 3, 2); // what fills the byte is no pixel
    end_png(&file, "\0\x1B", 2);
    expect_row(&file, "\xFF\x09\x28", 3);
    start_palette_png(&file, 4, 2);
    end_png(&file, "\0\x1B", 2);
    expect_refused(file.bytes, file.length, "pixels of colour 3 of its palette, which ends at 2");
}

static void test_large_claims(void **state) {
    (void)state;
    struct file file;
    start_png(&file, 16384, 16384, 8, 0);
    end_png(&file, "\0a", 2);
    expect_refused(file.bytes, file.length, "cut short");
    start_png(&file, 65535, 65535, 16, 6);
    end_png(&file, "\0a", 2);
    expect_refused(file.bytes, file.length, "cut short");
    start_png(&file, 65536, 1, 8, 0);
    end_png(&file, "\0a", 2);
    expect_refused(file.bytes, file.length, "limit");
    start_png(&file, 0, 1, 8, 0);
    end_png(&file, "\0a", 2);
    expect_refused(file.bytes, file.length, "zero");
}

static void test_written_comes_back(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {1, 300}, {257, 1}, {40, 61}};
    for (size_t i = 0; i < 4; i++) {
        struct image image, back;
        struct image_note note;
        struct error error;
        assert_true(image_alloc(&image, sizes[i][0], sizes[i][1], &error));
        const size_t pixels = image.height * image.width;
        for (size_t j = 0; j < pixels; j++) {
            image.pixels[j] = (uint8_t)(j * 37 + j / 7);
        }
        for (int level = 0; level <= 9; level += 3) {
            uint8_t *bytes = NULL, *again = NULL;
            size_t length = 0, length_again = 0;
            assert_true(png_encode_gray(&image, level, &bytes, &length, &error));
            assert_true(png_encode_gray(&image, level, &again, &length_again, &error));
            assert_int_equal(length, length_again);
            assert_memory_equal(bytes, again, length);
            assert_true(image_decode(bytes, length, NULL, &back, &note, &error));
            assert_int_equal(back.height, image.height);
            assert_int_equal(back.width, image.width);
            assert_memory_equal(back.pixels, image.pixels, pixels);
            image_free(&back);
            free(bytes);
            free(again);
        }
        image_free(&image);
    }
}

static void test_written_colours(void **state) {
    (void)state;
    static const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9};
    struct image back;
    struct image_note note;
    struct error error;
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_true(png_encode_rgb(2, 2, rgb, 6, &bytes, &length, &error));
    assert_int_equal(bytes[25], 2); // colour type
    assert_true(image_decode(bytes, length, NULL, &back, &note, &error));
    assert_memory_equal(back.pixels, "\x36\xB6\x12\x09", 4);
    image_free(&back);
    free(bytes);
    assert_false(png_encode_rgb(0, 2, rgb, 6, &bytes, &length, &error));
}

static int is_png(const struct dirent *entry) {
    const char *end = strrchr(entry->d_name, '.');
    return end != NULL && strcmp(end, ".png") == 0;
}

// Every pixel of the 161 valid files, as one number that an independent decoder (Python, zlib)
// with libpng's formulas gives too.
static void test_suite(void **state) {
    (void)state;
    struct dirent **entries = NULL;
    const int count = scandir(SUITE, &entries, is_png, alphasort);
    if (count < 0) {
        print_message("skipped: ../shared/data absent\n");
        skip();
    }
    unsigned long checksum = adler32(0, NULL, 0);
    int decoded = 0;
    for (int i = 0; i < count; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", SUITE, entries[i]->d_name);
        uint8_t *bytes = NULL;
        size_t length = 0;
        struct error error;
        struct image image;
        struct image_note note;
        assert_true(file_read(path, 1 << 20, &bytes, &length, &error));
        if (entries[i]->d_name[0] == 'x') {
            expect_refused(bytes, length, "");
        } else if (image_decode(bytes, length, NULL, &image, &note, &error)) {
            checksum = adler32(checksum, image.pixels, (uInt)(image.height * image.width));
            decoded++;
            image_free(&image);
        } else {
            fail_msg("%s: %s", path, error.text);
        }
        free(bytes);
        free(entries[i]);
    }
    free(entries);
    assert_int_equal(count - decoded, 14);
    assert_int_equal(decoded, 161);
    assert_int_equal(checksum, 0x185FA841);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depths),          cmocka_unit_test(test_range_from_zero),
        cmocka_unit_test(test_orientation),     cmocka_unit_test(test_colours),
        cmocka_unit_test(test_alpha_and_gamma), cmocka_unit_test(test_unknown_content),
        cmocka_unit_test(test_damage),          cmocka_unit_test(test_palette),
        cmocka_unit_test(test_large_claims),    cmocka_unit_test(test_written_comes_back),
        cmocka_unit_test(test_written_colours), cmocka_unit_test(test_suite),
    };
    return cmocka_run_group_tests_name("png", tests, NULL, NULL);
}
