// DICOM that lies about itself: refused with a reason, without the memory it asks for, without a
// read outside its bytes. And what is written comes back.
#include "core/numbers/random.h"
#include "dicom_build.h"

#include <sys/resource.h>

static long peak_kilobytes(void) {
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void test_large_claims(void **state) {
    (void)state;
    static const struct {
        const char *transfer_syntax, *says;
        bool encapsulated;
    } cases[] = {
        {EXPLICIT, "need 3600000000", false},
        {"1.2.840.10008.1.2", "need 3600000000", false},
        {"1.2.840.10008.1.2.2", "need 3600000000", false},
        {"1.2.840.10008.1.2.5", "cut short", true},
        {"1.2.840.10008.1.2.8.1", "too large", true},
        {"1.2.840.10008.1.2.4.50", "stream", true},
        {"1.2.840.10008.1.2.4.70", "stream", true},
        {"1.2.840.10008.1.2.4.80", "stream", true},
        {"1.2.840.10008.1.2.4.90", "stream", true},
        {"1.2.840.10008.1.2.4.90", "stream", true},
        {"1.2.840.10008.1.2.1", "does not tell how", true},
        {"1.2.840.10008.1.2.5", "not compressed", false},
        {"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.201 is not read", true},
        {"of no kind", "without a UID", true},
    };
    const long before = peak_kilobytes();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct form form = GRAY8;
        form.rows = form.columns = 60000;
        struct file file;
        start(&file, cases[i].transfer_syntax);
        put_form(&file, &form);
        if (cases[i].encapsulated) {
            put_fragments(&file, PIXELS("abcdefgh"), 1);
        } else {
            put_pixels(&file, "OB", PIXELS("abcdefgh"));
        }
        expect_refused(&file, cases[i].says);
    }
    assert_true(peak_kilobytes() - before < 16 << 10);
}

// Streams whose own size is not the header's never reach a decoder.
static void test_streams_of_other_sizes(void **state) {
    (void)state;
    static const char jpeg[] = "\xFF\xD8\xFF\xC0\0\x0B\x08\x40\0\x40\0\1\1\x11\0\xFF\xD9";
    static const char j2k[] = "\xFF\x4F\xFF\x51\0\x29\0\0\0\0\x40\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0"
                              "\x40\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\1\7\1\1\xFF\xD9";
    struct file file;
    start(&file, "1.2.840.10008.1.2.4.50");
    put_form(&file, &GRAY8);
    put_fragments(&file, PIXELS(jpeg), 1);
    expect_refused(&file, "its compressed stream 16384 x 16384");
    start(&file, "1.2.840.10008.1.2.4.90");
    put_form(&file, &GRAY8);
    put_fragments(&file, PIXELS(j2k), 1);
    expect_refused(&file, "its compressed stream 16384 x 16384");
    struct form form = GRAY8;
    form.rows = form.columns = 16384;
    start(&file, "1.2.840.10008.1.2.4.50");
    put_form(&file, &form);
    put_fragments(&file, PIXELS(jpeg), 1);
    expect_refused(&file, "cut short");
}

static void test_headers_without_sense(void **state) {
    (void)state;
    static const struct {
        struct form form;
        const char *says;
    } cases[] = {
        {{"MONOCHROME2", 0, 3, 1, 8, 8, 7, 0}, "no Rows"},
        {{"MONOCHROME2", 2, 3, 1, 32, 32, 31, 0}, "has 32 bits a sample"},
        {{"MONOCHROME2", 2, 3, 1, 0, 0, 0, 0}, "has 0 bits a sample"},
        {{"MONOCHROME2", 2, 3, 1, 8, 9, 8, 0}, "9 stored bits"},
        {{"MONOCHROME2", 2, 3, 1, 8, 0, 0, 0}, "0 stored bits"},
        {{"MONOCHROME2", 2, 3, 1, 8, 8, 6, 0}, "bit 6 of 8"},
        {{"MONOCHROME2", 2, 3, 3, 8, 8, 7, 0}, "3 samples a pixel"},
        {{"RGB ", 2, 3, 1, 8, 8, 7, 0}, "1 samples a pixel"},
        {{"RGB ", 1, 1, 3, 8, 8, 7, 1}, "sign"},
        {{"HSV ", 2, 3, 3, 8, 8, 7, 0}, "Photometric Interpretation"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file file;
        start(&file, EXPLICIT);
        put_form(&file, &cases[i].form);
        put_pixels(&file, "OB", PIXELS("abcdefgh"));
        expect_refused(&file, cases[i].says);
    }
    struct file file;
    start(&file, EXPLICIT);
    expect_refused(&file, "no Pixel Data");
    put_form(&file, &GRAY8);
    put(&file, DICOM_FLOAT_PIXEL_DATA, "OB", "abcd", 4);
    expect_refused(&file, "floating point");
}

static void test_nesting(void **state) {
    (void)state;
    for (int deep = 0; deep <= 100; deep += 10) {
        struct file file;
        start(&file, EXPLICIT);
        for (int i = 0; i < deep; i++) {
            put(&file, DICOM_TAG(8, 0x1140), "SQ", NULL, 0xFFFFFFFF);
            put_tag(&file, DICOM_TAG(0xFFFE, 0xE000));
            put_number(&file, 0xFFFFFFFF, 4);
        }
        for (int i = 0; i < deep; i++) {
            put_tag(&file, DICOM_TAG(0xFFFE, 0xE00D));
            put_number(&file, 0, 4);
            put_tag(&file, DICOM_TAG(0xFFFE, 0xE0DD));
            put_number(&file, 0, 4);
        }
        put_form(&file, &GRAY8);
        put_pixels(&file, "OB", PIXELS("abcdef"));
        if (deep <= 30) {
            expect(&file, PIXELS("abcdef"));
        } else {
            expect_refused(&file, "nest");
        }
    }
}

static void make_seed(struct file *file, size_t kind) {
    static const char *const uids[] = {EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.2",
                                       "1.2.840.10008.1.2.5"};
    const struct form form = {"PALETTE COLOR ", 2, 3, 1, 16, 12, 11, 0};
    start(file, uids[kind]);
    put_text(file, DICOM_TAG(8, 5), "CS", "ISO_IR 100");
    put(file, DICOM_TAG(8, 0x1140), "SQ", NULL, 0xFFFFFFFF);
    put_tag(file, DICOM_TAG(0xFFFE, 0xE000));
    put_number(file, 0xFFFFFFFF, 4);
    put_text(file, DICOM_TAG(8, 0x60), "CS", "CR");
    put_tag(file, DICOM_TAG(0xFFFE, 0xE00D));
    put_number(file, 0, 4);
    put_tag(file, DICOM_TAG(0xFFFE, 0xE0DD));
    put_number(file, 0, 4);
    put_form(file, kind % 2 == 0 ? &form : &GRAY8);
    for (unsigned i = 0; i < 3; i++) {
        put(file, DICOM_TAG(0x28, 0x1101) + i, "US",
            file->big_endian ? "\0\4\0\0\0\x10" : "\4\0\0\0\x10\0", 6);
    }
    for (unsigned i = 0; i < 3; i++) {
        put(file, DICOM_TAG(0x28, 0x1201) + i, "OW", "\0\1\2\3\4\5\6\7", 8);
    }
    if (kind < 3) {
        put_pixels(file, "OW", PIXELS("\0\1\0\2\0\3\0\4\0\5\0\6"));
    } else {
        char frame[80] = "\1\0\0\0\x40";
        memcpy(frame + 64, "\xFE\x07\x02\1\2\3", 6);
        put_fragments(file, frame, 70, 1);
    }
}

static void test_every_length(void **state) {
    (void)state;
    for (size_t kind = 0; kind < 4; kind++) {
        struct file file;
        struct image image;
        struct image_note note;
        struct error error;
        make_seed(&file, kind);
        assert_true(decode(&file, &image, &note, &error));
        image_free(&image);
        // A missing end of the fragments is let pass, a missing part of one is not.
        const size_t most = file.length - (kind == 3 ? 8 : 0);
        for (file.length = 0; file.length < most; file.length++) {
            expect_refused(&file, "");
        }
    }
}

static void test_changed_bytes(void **state) {
    (void)state;
    struct random random = random_seed(1, 2, 3);
    for (size_t round = 0; round < 15000; round++) {
        struct file file;
        make_seed(&file, round % 4);
        const uint64_t changes = 1 + random_below(&random, 3);
        for (uint64_t i = 0; i < changes; i++) {
            file.bytes[130 + random_below(&random, file.length - 130)] =
                (uint8_t)random_next(&random);
        }
        struct image image;
        struct image_note note;
        struct error error;
        if (decode(&file, &image, &note, &error)) {
            image_free(&image);
        } else {
            assert_true(error.text[0] != '\0');
        }
    }
}

// ---- the writer

static void test_written_comes_back(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {3, 5}, {64, 31}};
    for (size_t i = 0; i < 3; i++) {
        struct image image, back;
        struct image_note note;
        struct error error;
        assert_true(image_alloc(&image, sizes[i][0], sizes[i][1], &error));
        const size_t pixels = image.height * image.width;
        for (size_t j = 0; j < pixels; j++) {
            image.pixels[j] = (uint8_t)(j * 3 / 2);
        }
        for (int quality = 0; quality <= 100; quality += 100) {
            uint8_t *bytes = NULL, *again = NULL, *other = NULL;
            size_t length = 0, length_again = 0, length_other = 0;
            assert_true(dicom_write_gray(&image, "one", quality, &bytes, &length, &error));
            assert_true(dicom_write_gray(&image, "one", quality, &again, &length_again, &error));
            assert_true(dicom_write_gray(&image, "two", quality, &other, &length_other, &error));
            assert_int_equal(length, length_again);
            assert_memory_equal(bytes, again, length);
            assert_memory_not_equal(bytes, other, length < length_other ? length : length_other);
            assert_int_equal(length % 2, 0);
            assert_true(image_decode(bytes, length, NULL, &back, &note, &error));
            assert_int_equal(back.height, image.height);
            assert_int_equal(back.width, image.width);
            for (size_t j = 0; j < pixels; j++) {
                const int apart = back.pixels[j] - image.pixels[j];
                assert_true(apart == 0 || (quality > 0 && apart >= -6 && apart <= 6));
            }
            image_free(&back);
            free(bytes);
            free(again);
            free(other);
        }
        image_free(&image);
    }
    uint8_t *bytes = NULL;
    size_t length = 0;
    const struct image empty = {NULL, 0, 0};
    assert_false(dicom_write_gray(&empty, "id", 0, &bytes, &length, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_claims),          cmocka_unit_test(test_streams_of_other_sizes),
        cmocka_unit_test(test_headers_without_sense), cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_every_length),          cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_written_comes_back),
    };
    return cmocka_run_group_tests_name("dicom_hostile", tests, NULL, NULL);
}
