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
    expect_noted(&file, PIXELS("\0\xFF\x11\x55"), "has bits set beyond the 4 stored: left out");
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

// Writers are known to have put bytes of 0 in front of a stream's end.
static void test_zeros_before_the_end(void **state) {
    (void)state;
    static const char jpeg_ls[] =
        "\xFF\xD8\xFF\xF7\0\x0B\x07\0\x08\0\x28\1\1\x11\0\xFF\xDA\0\x08\1\1\0\0\0\0\xF3\xB6\xDB\x7B"
        "\xDE\xF7\xBC\0\xEC\xBD\xFF\x7F\xFF\x7F\0\x2F\xFF\x7F\xFF\x7F\xF9\x5F\xFF\x7F\xFF\x7F\xF2"
        "\x3F"
        "\xFF\x7F\xFF\x7F\xEE\xFF\x7F\xFF\x7F\xFF\x59\xFF\x7F\xFF\x7F\xFF\x2B\xFF\x7F\xFF\x7F\xFE"
        "\xFF\xD9";
    static const struct form form = {"MONOCHROME2", 8, 40, 1, 8, 8, 7, 0};
    const size_t length = sizeof jpeg_ls - 1;
    char pixels[320], stream[128];
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (char)(i / 4);
    }
    for (size_t zeros = 0; zeros <= 4; zeros++) {
        struct file file;
        memcpy(stream, jpeg_ls, length - 2);
        memset(stream + length - 2, 0, zeros);
        memcpy(stream + length - 2 + zeros, "\xFF\xD9\0", 3);
        start(&file, "1.2.840.10008.1.2.4.80");
        put_form(&file, &form);
        put_fragments(&file, stream, length + zeros + 1, 1);
        expect(&file, pixels, sizeof pixels);
    }
}

// A transfer syntax that speaks of compression, and pixels without.
static void test_compressed_by_name_only(void **state) {
    (void)state;
    static const char *const uids[] = {"1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50",
                                       "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"};
    for (size_t i = 0; i < 4; i++) {
        struct file file;
        start(&file, uids[i]);
        put_form(&file, &GRAY8);
        const struct file before = file;
        put_pixels(&file, "OB", PIXELS("abcdef"));
        expect_noted(&file, PIXELS("abcdef"), "is not compressed as its transfer syntax says");
        file = before;
        put_pixels(&file, "OB", PIXELS("abcdefgh"));
        expect_refused(&file, "is not compressed as its transfer syntax says");
    }
}

// Delimiters with a length, which stands for nothing.
static void test_delimiter_with_length(void **state) {
    (void)state;
    struct file file;
    start(&file, EXPLICIT);
    put(&file, DICOM_TAG(8, 0x1140), "SQ", NULL, 0xFFFFFFFF);
    put_tag(&file, DICOM_TAG(0xFFFE, 0xE000));
    put_number(&file, 0xFFFFFFFF, 4);
    put_text(&file, DICOM_TAG(8, 0x1150), "UI", "1.2 ");
    put_tag(&file, DICOM_TAG(0xFFFE, 0xE00D));
    put_number(&file, 4, 4);
    put_tag(&file, DICOM_TAG(0xFFFE, 0xE0DD));
    put_number(&file, 8, 4);
    put_form(&file, &GRAY8);
    put_pixels(&file, "OB", PIXELS("abcdef"));
    expect(&file, PIXELS("abcdef"));
}

// Numbers of the header in other representations, twice, and not at all to be understood.
static void test_header_numbers(void **state) {
    (void)state;
    static const struct {
        const char *vr, *value;
        size_t length;
        bool good;
    } rows[] = {
        {"IS", PIXELS("2 "), true},       {"US", PIXELS("\2\0\2\0"), true},
        {"UL", PIXELS("\2\0\0\0"), true}, {"US", PIXELS("\2\0\3\0"), false},
        {"IS", PIXELS("two "), false},    {"SS", PIXELS("\xFE\xFF"), false},
        {"DS", PIXELS("2.5 "), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct file file;
        start(&file, EXPLICIT);
        put(&file, DICOM_TAG(0x28, 0x10), rows[i].vr, rows[i].value, (uint32_t)rows[i].length);
        put_form(&file, &GRAY8); // its Rows comes second
        put_pixels(&file, "OB", PIXELS("abcdef"));
        if (rows[i].good) {
            expect(&file, PIXELS("abcdef"));
        } else {
            expect_refused(&file, "(0028,0010) of its header is not understood");
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer_syntaxes),
        cmocka_unit_test(test_without_preamble),
        cmocka_unit_test(test_deflated),
        cmocka_unit_test(test_monochrome1_and_bits),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_palette),
        cmocka_unit_test(test_rle),
        cmocka_unit_test(test_frames_of_fragments),
        cmocka_unit_test(test_zeros_before_the_end),
        cmocka_unit_test(test_compressed_by_name_only),
        cmocka_unit_test(test_delimiter_with_length),
        cmocka_unit_test(test_header_numbers),
    };
    return cmocka_run_group_tests_name("dicom", tests, NULL, NULL);
}
