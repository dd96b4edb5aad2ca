// DICOM: files made by hand with what each must become.
#include "dicom_build.h"

#include <zlib.h>

static const struct form GRAY16 = {"MONOCHROME2", 1, 4, 1, 16, 12, 11, 0};

static void test_transfer_syntaxes(void **state) {
    (void)state;
    static const char *const uids[] = {"1.2.840.10008.1.2", EXPLICIT, "1.2.840.10008.1.2.2"};
    for (size_t i = 0; i < 3; i++) {
        struct file file;
        start(&file, uids[i]);
        put_form(&file, &GRAY8);
        put_text(&file, DICOM_TAG(0x28, 0x1050), "DS", "1 "); // 8 bits stay as they are
        put_text(&file, DICOM_TAG(0x28, 0x1051), "DS", "2 ");
        const struct file before = file;
        put_pixels(&file, "OB", PIXELS("\0\1\2\3\xFE\xFF"));
        expect(&file, PIXELS("\0\1\2\3\xFE\xFF"));
        if (file.big_endian) { // words of two pixels
            file = before;
            put_pixels(&file, "OW", PIXELS("\1\0\3\2\xFF\xFE"));
            expect(&file, PIXELS("\0\1\2\3\xFE\xFF"));
        }
        start(&file, uids[i]);
        put_form(&file, &GRAY16);
        put_pixels(&file, "OW",
                   file.big_endian ? "\0\0\0\x80\1\0\x0F\xFF" : "\0\0\x80\0\0\1\xFF\x0F", 8);
        expect(&file, PIXELS("\0\x08\x10\xFF"));
    }
}

static void test_without_preamble(void **state) {
    (void)state;
    struct file file, bare;
    start(&file, EXPLICIT);
    const size_t meta = file.length;
    put_form(&file, &GRAY8);
    put_pixels(&file, "OB", PIXELS("abcdef"));
    bare = file;
    bare.length -= 132; // group 0002 first
    memmove(bare.bytes, file.bytes + 132, bare.length);
    expect(&bare, PIXELS("abcdef"));
    bare.length = file.length - meta; // group 0008 first
    memmove(bare.bytes, file.bytes + meta, bare.length);
    expect(&bare, PIXELS("abcdef"));
    // A transfer syntax that the dataset does not keep to.
    start(&file, "1.2.840.10008.1.2");
    file.implicit_vr = false;
    put_form(&file, &GRAY8);
    put_pixels(&file, "OB", PIXELS("abcdef"));
    expect(&file, PIXELS("abcdef"));
}

static void test_deflated(void **state) {
    (void)state;
    struct file file, plain = {.length = 0};
    put_form(&plain, &GRAY8);
    put_pixels(&plain, "OB", PIXELS("abcdef"));
    start(&file, "1.2.840.10008.1.2.1.99");
    z_stream stream = {.next_in = plain.bytes, .avail_in = (uInt)plain.length};
    stream.next_out = file.bytes + file.length;
    stream.avail_out = 1024;
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&stream);
    file.length += stream.total_out;
    expect(&file, PIXELS("abcdef"));
    file.length -= 10;
    expect_refused(&file, "cut short");
}

static void test_monochrome1_and_bits(void **state) {
    (void)state;
    struct file file;
    struct form form = GRAY8;
    form.photometric = "MONOCHROME1 ";
    start(&file, EXPLICIT);
    put_form(&file, &form);
    put_pixels(&file, "OB", PIXELS("\0\1\2\3\xFE\xFF"));
    expect(&file, PIXELS("\xFF\xFE\xFD\xFC\1\0"));
    // 4 stored bits in the middle of 8; the others hold something else.
    form = (struct form){"MONOCHROME2", 1, 4, 1, 8, 4, 5, 0};
    start(&file, EXPLICIT);
    put_form(&file, &form);
    put_pixels(&file, "OB", PIXELS("\xC3\x3F\x07\x54"));
    expect(&file, PIXELS("\0\xFF\x11\x55"));
    // Signed, 12 of 16 bits, without the sign in the upper four: -2048, -1, 0, 2047.
    form = GRAY16;
    form.is_signed = 1;
    start(&file, EXPLICIT);
    put_form(&file, &form);
    put_pixels(&file, "OW", PIXELS("\x00\x08\xFF\x0F\x00\x00\xFF\x07"));
    expect(&file, PIXELS("\0\x7F\x80\xFF"));
    form = (struct form){"MONOCHROME2", 2, 5, 1, 1, 1, 0, 0};
    start(&file, EXPLICIT);
    put_form(&file, &form);
    put_pixels(&file, "OB", PIXELS("\x61\x02"));
    expect(&file, PIXELS("\xFF\0\0\0\0\xFF\xFF\0\0\xFF"));
}

static void put_window(struct file *file, const char *centre, const char *width,
                       const char *function) {
    put_text(file, DICOM_TAG(0x28, 0x1050), "DS", centre);
    put_text(file, DICOM_TAG(0x28, 0x1051), "DS", width);
    put_text(file, DICOM_TAG(0x28, 0x1052), "DS", "-100");
    put_text(file, DICOM_TAG(0x28, 0x1053), "DS", "0.5 ");
    put_text(file, DICOM_TAG(0x28, 0x1056), "CS", function);
}

// The values 200, 220, 240, 300 become 0, 10, 20, 50 by the rescale.
static void test_windows(void **state) {
    (void)state;
    static const struct {
        const char *centre, *width, *function, *pixels;
    } cases[] = {
        // PS3.3 C.11.2.1.2: (value - 9.5) / 20 + 0.5
        {"10\\99 ", "21\\1 ", "LINEAR", "\x06\x86\xFF\xFF"},
        {"10.5", "1 ", "LINEAR", "\0\0\xFF\xFF"},
        {"20", "40", "LINEAR_EXACT", "\0\x40\x80\xFF"},
        {"20", "40", "SIGMOID ", "\x1E\x45\x80\xF3"},
        // No width, or none that can be: the range of what is there.
        {"20", "0 ", "LINEAR", "\0\x33\x66\xFF"},
        {"20", "", "LINEAR", "\0\x33\x66\xFF"},
        {"1e999 ", "nan ", "LINEAR", "\0\x33\x66\xFF"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file file;
        start(&file, EXPLICIT);
        put_form(&file, &GRAY16);
        put_window(&file, cases[i].centre, cases[i].width, cases[i].function);
        put_pixels(&file, "OW", PIXELS("\xC8\0\xDC\0\xF0\0\x2C\1"));
        expect(&file, cases[i].pixels, 4);
    }
}

static void put_lut(struct file *file, uint32_t sequence, const char *first, const char *entries,
                    uint32_t length, uint32_t bits) {
    struct file item = {.length = 0};
    put(&item, DICOM_TAG(0x28, 0x3002), "US", NULL, 0);
    item.length -= 2;
    put_number(&item, 6, 2);
    put_number(&item, length / 2, 2);
    memcpy(item.bytes + item.length, first, 2);
    item.length += 2;
    put_number(&item, bits, 2);
    put(&item, DICOM_TAG(0x28, 0x3006), "OW", entries, length);
    put(file, sequence, "SQ", NULL, 0xFFFFFFFF);
    put_tag(file, DICOM_TAG(0xFFFE, 0xE000));
    put_number(file, 0xFFFFFFFF, 4);
    memcpy(file->bytes + file->length, item.bytes, item.length);
    file->length += item.length;
    put_tag(file, DICOM_TAG(0xFFFE, 0xE00D));
    put_number(file, 0, 4);
    put_tag(file, DICOM_TAG(0xFFFE, 0xE0DD));
    put_number(file, 0, 4);
}

static void test_look_up_tables(void **state) {
    (void)state;
    struct file file;
    start(&file, EXPLICIT);
    put_form(&file, &GRAY16);
    put_lut(&file, DICOM_TAG(0x28, 0x3000), "\2\0", PIXELS("\0\0\x0A\0\x1E\0\x32\0"), 16);
    put_pixels(&file, "OW", PIXELS("\0\0\2\0\4\0\xFF\0")); // 0, 0, 30, 50
    expect(&file, PIXELS("\0\0\x99\xFF"));
    start(&file, EXPLICIT);
    put_form(&file, &GRAY16);
    put_lut(&file, DICOM_TAG(0x28, 0x3010), "\2\0", PIXELS("\0\0\x0F\0\xF0\0\xFF\0"), 8);
    put_pixels(&file, "OW", PIXELS("\0\0\3\0\4\0\xFF\0"));
    expect(&file, PIXELS("\0\x0F\xF0\xFF"));
}

// Enhanced objects have their window in the shared functional groups.
static void test_functional_groups(void **state) {
    (void)state;
    struct file file, macro = {.length = 0};
    put_text(&macro, DICOM_TAG(0x28, 0x1050), "DS", "20");
    put_text(&macro, DICOM_TAG(0x28, 0x1051), "DS", "40");
    put_text(&macro, DICOM_TAG(0x28, 0x1056), "CS", "LINEAR_EXACT");
    start(&file, EXPLICIT);
    put_form(&file, &GRAY16);
    put_text(&file, DICOM_TAG(0x28, 8), "IS", "7 ");
    put(&file, DICOM_TAG(0x5200, 0x9229), "SQ", NULL, (uint32_t)(8 + 12 + 8 + macro.length));
    put_tag(&file, DICOM_TAG(0xFFFE, 0xE000));
    put_number(&file, (uint32_t)(12 + 8 + macro.length), 4);
    put(&file, DICOM_TAG(0x28, 0x9132), "SQ", NULL, (uint32_t)(8 + macro.length));
    put_tag(&file, DICOM_TAG(0xFFFE, 0xE000));
    put_number(&file, (uint32_t)macro.length, 4);
    memcpy(file.bytes + file.length, macro.bytes, macro.length);
    file.length += macro.length;
    put_pixels(&file, "OW", PIXELS("\0\0\x0A\0\x14\0\x32\0"));
    expect_noted(&file, PIXELS("\0\x40\x80\xFF"), "first frame of 7");
}

static void test_colours(void **state) {
    (void)state;
    static const char luma[] = "\x4C\x96\x1D\xFF"; // Rec. 601: 0.299, 0.587, 0.114 of 255
    const struct form rgb = {"RGB ", 2, 2, 3, 8, 8, 7, 0};
    struct file file;
    start(&file, EXPLICIT);
    put_form(&file, &rgb);
    put_u16(&file, DICOM_TAG(0x28, 6), 0);
    put_pixels(&file, "OB", PIXELS("\xFF\0\0\0\xFF\0\0\0\xFF\xFF\xFF\xFF"));
    expect(&file, luma, 4);
    start(&file, EXPLICIT);
    put_form(&file, &rgb);
    put_u16(&file, DICOM_TAG(0x28, 6), 1);
    put_pixels(&file, "OB", PIXELS("\xFF\0\0\xFF\0\xFF\0\xFF\0\0\xFF\xFF"));
    expect(&file, luma, 4);
    const struct form deep = {"RGB ", 1, 2, 3, 16, 16, 15, 0};
    start(&file, EXPLICIT);
    put_form(&file, &deep);
    put_pixels(&file, "OW", PIXELS("\xFF\xFF\0\0\0\0\x80\x80\x80\x80\x80\x80"));
    expect(&file, PIXELS("\x4C\x80"));
    const struct form ybr = {"YBR_FULL", 2, 2, 3, 8, 8, 7, 0};
    start(&file, EXPLICIT);
    put_form(&file, &ybr);
    put_pixels(&file, "OB", PIXELS("\1\x80\x80\2\x80\x80\3\x80\x80\4\x80\x80"));
    expect(&file, PIXELS("\1\2\3\4"));
    const struct form halved = {"YBR_FULL_422", 2, 2, 3, 8, 8, 7, 0};
    start(&file, EXPLICIT);
    put_form(&file, &halved);
    put_pixels(&file, "OB", PIXELS("\1\2\x80\x80\3\4\x80\x80"));
    expect(&file, PIXELS("\1\2\3\4"));
}

static void put_palette(struct file *file, int count) {
    static const char *const entries[] = {"\0\0\xFF\xFF\0\0\0\0", "\0\0\0\0\xFF\xFF\0\0",
                                          "\0\0\0\0\0\0\xFF\xFF"};
    for (unsigned i = 0; i < 3; i++) {
        put(file, DICOM_TAG(0x28, 0x1101) + i, "US", "\4\0\1\0\x10\0", 6);
    }
    for (unsigned i = 0; i < 3; i++) {
        put(file, DICOM_TAG(0x28, 0x1201) + i, "OW", entries[i], (uint32_t)count);
    }
}

static void test_palette(void **state) {
    (void)state;
    const struct form form = {"PALETTE COLOR ", 1, 6, 1, 8, 8, 7, 0};
    struct file file;
    start(&file, EXPLICIT);
    put_form(&file, &form);
    put_palette(&file, 8);
    put_pixels(&file, "OB", PIXELS("\0\1\2\3\4\5"));
    expect(&file, PIXELS("\0\0\x4C\x96\x1D\x1D"));
    start(&file, EXPLICIT);
    put_form(&file, &form);
    put_palette(&file, 2);
    put_pixels(&file, "OB", PIXELS("\0\1\2\3\4\5"));
    expect_refused(&file, "palette");
    start(&file, EXPLICIT);
    put_form(&file, &form);
    put_pixels(&file, "OB", PIXELS("\0\1\2\3\4\5"));
    expect_refused(&file, "palette");
}

static const char RLE[] = "1.2.840.10008.1.2.5";

// The 64 bytes in front of RLE segments that start at 64 and `second`.
static void rle_header(char *frame, uint32_t segments, uint32_t second) {
    struct file header = {.length = 0};
    put_number(&header, segments, 4);
    put_number(&header, 64, 4);
    put_number(&header, second, 4);
    memset(frame, 0, 64);
    memcpy(frame, header.bytes, header.length);
}

static void test_rle(void **state) {
    (void)state;
    char frame[80];
    struct file file;
    rle_header(frame, 1, 0);
    memcpy(frame + 64, "\x80\xFE\x07\x02\1\2\3", 7); // nothing, 3 x 7, then 3 as they are
    start(&file, RLE);
    put_form(&file, &GRAY8);
    put_fragments(&file, frame, 71, 1);
    expect(&file, PIXELS("\7\7\7\1\2\3"));
    start(&file, RLE);
    put_form(&file, &GRAY8);
    put_fragments(&file, frame, 70, 1);
    expect_refused(&file, "cut short");
    rle_header(frame, 2, 66); // 16 bits: the high bytes first
    memcpy(frame + 64, "\xFD\x01\x03\0\x10\x20\xFF", 7);
    start(&file, RLE);
    put_form(&file, &GRAY16);
    put_fragments(&file, frame, 71, 1);
    expect(&file, PIXELS("\0\x10\x20\xFF"));
    rle_header(frame, 2, 66);
    start(&file, RLE);
    put_form(&file, &GRAY8);
    put_fragments(&file, frame, 71, 1);
    expect_refused(&file, "RLE header");
    rle_header(frame, 1, 0);
    frame[4] = 72;
    start(&file, RLE);
    put_form(&file, &GRAY8);
    put_fragments(&file, frame, 71, 1);
    expect_refused(&file, "RLE header");
}

// A frame's fragments belong together; a fragment that starts like a frame starts one.
static void test_frames_of_fragments(void **state) {
    (void)state;
    static const uint8_t gray[] = {1, 2, 3, 4, 5, 6};
    const struct image image = {(uint8_t *)gray, 2, 3};
    uint8_t *written = NULL;
    size_t length = 0;
    struct error error;
    assert_true(dicom_write_gray(&image, "id", 100, &written, &length, &error));
    const uint8_t *soi = memmem(written, length, "\xFF\xD8\xFF", 3);
    assert_non_null(soi);
    const size_t size = (size_t)(written + length - soi) - 8;
    for (size_t frames = 1; frames <= 2; frames++) {
        for (size_t pieces = 1; pieces <= 4; pieces++) {
            struct file file;
            start(&file, "1.2.840.10008.1.2.4.50");
            put_form(&file, &GRAY8);
            put_text(&file, DICOM_TAG(0x28, 8), "IS", frames == 1 ? "1 " : "2 ");
            char *both = malloc(2 * size);
            assert_non_null(both);
            memcpy(both, soi, size);
            memcpy(both + size, soi, size);
            put_fragments(&file, both, frames * size, frames * pieces);
            struct image back;
            struct image_note note;
            assert_true(decode(&file, &back, &note, &error));
            for (size_t i = 0; i < 6; i++) {
                assert_in_range(back.pixels[i] + 2, gray[i], gray[i] + 4);
            }
            assert_string_equal(note.text, frames == 1 ? "" : "first frame of 2");
            image_free(&back);
            free(both);
        }
    }
    free(written);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer_syntaxes),
        cmocka_unit_test(test_without_preamble),
        cmocka_unit_test(test_deflated),
        cmocka_unit_test(test_monochrome1_and_bits),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_look_up_tables),
        cmocka_unit_test(test_functional_groups),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_palette),
        cmocka_unit_test(test_rle),
        cmocka_unit_test(test_frames_of_fragments),
    };
    return cmocka_run_group_tests_name("dicom", tests, NULL, NULL);
}
