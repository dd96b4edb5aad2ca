// Look-up tables of DICOM files, whichever way writers have put them, and where they are looked
// for.
#include "dicom_build.h"

#include "image/dicom/lut.h"

#define WINDOW_CENTER DICOM_TAG(0x28, 0x1050)
#define WINDOW_WIDTH DICOM_TAG(0x28, 0x1051)
#define INTERCEPT DICOM_TAG(0x28, 0x1052)
#define SLOPE DICOM_TAG(0x28, 0x1053)
#define MODALITY_LUT DICOM_TAG(0x28, 0x3000)
#define DESCRIPTOR DICOM_TAG(0x28, 0x3002)
#define DATA DICOM_TAG(0x28, 0x3006)
#define VOI_LUT DICOM_TAG(0x28, 0x3010)
#define SHARED DICOM_TAG(0x5200, 0x9229)
#define PER_FRAME DICOM_TAG(0x5200, 0x9230)
#define FRAME_VOI DICOM_TAG(0x28, 0x9132)
#define TRANSFORMATION DICOM_TAG(0x28, 0x9145)

static const struct form GRAY16 = {"MONOCHROME2", 1, 4, 1, 16, 12, 11, 0};
static const struct form SIGNED16 = {"MONOCHROME2", 1, 4, 1, 16, 16, 15, 1};

// 0, 1, 2, 3; from the least to the greatest.
static const char PIXELS_0_TO_3[] = "\0\0\1\0\2\0\3\0";
static const char RANGED[] = "\0\x55\xAA\xFF";

struct table {
    const char *vr;
    uint32_t count, first, bits;
    const char *data_vr, *entries;
    size_t length;
};

// A sequence of one item.
static void put_sequence(struct file *file, uint32_t tag, const struct file *item) {
    put(file, tag, "SQ", NULL, (uint32_t)item->length + 8);
    put_tag(file, DICOM_TAG(0xFFFE, 0xE000));
    put_number(file, (uint32_t)item->length, 4);
    memcpy(file->bytes + file->length, item->bytes, item->length);
    file->length += item->length;
}

static void put_table(struct file *file, uint32_t tag, const struct table *table) {
    struct file words = {.big_endian = file->big_endian};
    struct file item = {.implicit_vr = file->implicit_vr, .big_endian = file->big_endian};
    put_number(&words, table->count, 2);
    put_number(&words, table->first, 2);
    put_number(&words, table->bits, 2);
    put(&item, DESCRIPTOR, table->vr, words.bytes, (uint32_t)words.length);
    put(&item, DATA, table->data_vr, table->entries, (uint32_t)table->length);
    put_sequence(file, tag, &item);
}

static void begin(struct file *file, const struct form *form) {
    start(file, EXPLICIT);
    put_form(file, form);
}

static void test_modality(void **state) {
    (void)state;
    static const struct table table = {"US", 4, 2, 16, "OW", PIXELS("\0\0\x0A\0\x1E\0\x32\0")};
    struct file file;
    begin(&file, &GRAY16);
    put_table(&file, MODALITY_LUT, &table);
    put_pixels(&file, "OW", PIXELS("\0\0\2\0\4\0\xFF\0")); // 0, 0, 30, 50
    expect(&file, PIXELS("\0\0\x99\xFF"));
    // Its output goes through the window, and Rescale is nothing beside it.
    begin(&file, &GRAY16);
    put_text(&file, WINDOW_CENTER, "DS", "25.5");
    put_text(&file, WINDOW_WIDTH, "DS", "51");
    put_text(&file, INTERCEPT, "DS", "-999");
    put_text(&file, SLOPE, "DS", "1 ");
    put_table(&file, MODALITY_LUT, &table);
    put_pixels(&file, "OW", PIXELS("\0\0\2\0\4\0\xFF\0"));
    expect(&file, PIXELS("\0\0\x99\xFF"));
}

static void test_voi(void **state) {
    (void)state;
    static const struct {
        struct table table;
        const char *says;
    } cases[] = {
        {{"US", 4, 0, 8, "OW", PIXELS("\0\0\x0F\0\xF0\0\xFF\0")}, ""},
        {{"US", 4, 0, 8, "OW", PIXELS("\0\x0F\xF0\xFF")}, ""}, // two in a word
        {{"US", 4, 0, 8, "OB", PIXELS("\0\x0F\xF0\xFF")}, ""},
        {{"US", 4, 0, 8, "US", PIXELS("\0\0\x0F\0\xF0\0\xFF\0")}, ""},
        {{"US", 4, 0, 12, "OW", PIXELS("\0\0\xF1\0\x0E\x0F\xFF\x0F")}, ""},
        {{"US", 4, 0, 16, "OW", PIXELS("\0\0\xF1\0\x0E\x0F\xFF\x0F")},
         "its VOI LUT has 12 bits, not the 16 that it says: white is 4095"},
        {{"US", 4, 0, 16, "OW", PIXELS("\0\0\x0F\0\xF0\0\xFF\0")},
         "its VOI LUT has 8 bits, not the 16 that it says: white is 255"},
        {{"US", 4, 0, 16, "OW", PIXELS("\0\x0F\xF0\xFF")},
         "its VOI LUT has 8 bits, not the 16 that it says: white is 255"},
        {{"US", 4, 0, 8, "OW", PIXELS("\0\0\xF1\0\x0E\x0F\xFF\x0F")},
         "its VOI LUT has 12 bits, not the 8 that it says: white is 4095"},
        {{"SS", 5, 0xFFFF, 8, "OB", PIXELS("\7\0\x0F\xF0\xFF\0")}, ""}, // from -1 on
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file file;
        begin(&file, &GRAY16);
        put_table(&file, VOI_LUT, &cases[i].table);
        put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
        expect_noted(&file, "\0\x0F\xF0\xFF", 4, cases[i].says);
    }
    // Bytes in words of a big endian file.
    struct file file;
    start(&file, "1.2.840.10008.1.2.2");
    put_form(&file, &GRAY16);
    put_table(&file, VOI_LUT, &(struct table){"US", 4, 0, 8, "OW", PIXELS("\x0F\0\xFF\xF0")});
    put_pixels(&file, "OW", PIXELS("\0\0\0\1\0\2\0\3"));
    expect(&file, PIXELS("\0\x0F\xF0\xFF"));
}

// Values of -1024 and more, by a rescale or by their sign, and a descriptor whose first value is
// -1024 in whatever representation.
static void test_negative_first(void **state) {
    (void)state;
    static const char *const vrs[] = {"SS", "US", NULL}; // the last in implicit VR
    for (size_t i = 0; i < 6; i++) {
        const bool is_signed = i >= 3;
        const char *vr = vrs[i % 3];
        const struct table table = {vr != NULL ? vr : "US",  4, 0xFC00, 8, "OB",
                                    PIXELS("\0\x0F\xF0\xFF")};
        struct file file;
        start(&file, vr != NULL ? EXPLICIT : "1.2.840.10008.1.2");
        put_form(&file, is_signed ? &SIGNED16 : &GRAY16);
        if (!is_signed) {
            put_text(&file, INTERCEPT, "DS", "-1024 ");
            put_text(&file, SLOPE, "DS", "1 ");
        }
        put_table(&file, VOI_LUT, &table);
        put_pixels(&file, "OW", is_signed ? "\0\xFC\1\xFC\2\xFC\3\xFC" : PIXELS_0_TO_3, 8);
        expect(&file, PIXELS("\0\x0F\xF0\xFF"));
    }
    // Unsigned values of 40000 and more, which a descriptor of VR SS does not make negative.
    const struct form whole = {"MONOCHROME2", 1, 4, 1, 16, 16, 15, 0};
    struct file file;
    begin(&file, &whole);
    put_table(&file, VOI_LUT, &(struct table){"SS", 4, 40000, 8, "OB", PIXELS("\0\x0F\xF0\xFF")});
    put_pixels(&file, "OW", PIXELS("\x40\x9C\x41\x9C\x42\x9C\x43\x9C"));
    expect(&file, PIXELS("\0\x0F\xF0\xFF"));
}

static void test_not_understood(void **state) {
    (void)state;
    static const struct table cases[] = {
        {"US", 5, 0, 16, "OW", PIXELS("\0\0\xF1\0\x0E\x0F\xFF\x0F")}, // one entry short
        {"US", 0, 0, 16, "OW", PIXELS("\0\0\xF1\0\x0E\x0F\xFF\x0F")}, // 65,536 of them
        {"US", 4, 0, 16, "OW", PIXELS("\0\0\0\0\0\0\0\0")},
        {"US", 4, 0, 16, "OW", PIXELS("")},
        {"US", 4, 0, 17, "OW", PIXELS("\0\0\xF1\0\x0E\x0F\xFF\x0F")},
        {"US", 4, 0, 0, "OW", PIXELS("\0\0\xF1\0\x0E\x0F\xFF\x0F")},
    };
    struct file file, empty = {.length = 0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&file, &GRAY16);
        put_table(&file, VOI_LUT, &cases[i]);
        put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
        expect_noted(&file, RANGED, 4, "its VOI LUT is damaged: left out");
        // The window takes its place.
        begin(&file, &GRAY16);
        put_text(&file, WINDOW_CENTER, "DS", "2.5 ");
        put_text(&file, WINDOW_WIDTH, "DS", "3 ");
        put_table(&file, VOI_LUT, &cases[i]);
        put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
        expect_noted(&file, "\0\0\x80\xFF", 4, "its VOI LUT is damaged: left out");
        begin(&file, &GRAY16);
        put_table(&file, MODALITY_LUT, &cases[i]);
        put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
        expect_noted(&file, RANGED, 4,
                     "its Modality LUT is not understood: left out, and with it any window or VOI "
                     "LUT");
    }
    begin(&file, &GRAY16);
    put_sequence(&file, VOI_LUT, &empty);
    put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
    expect_noted(&file, RANGED, 4, "its VOI LUT is damaged: left out");
    begin(&file, &GRAY16);
    put(&file, VOI_LUT, "SQ", NULL, 0); // nothing at all is nothing to tell
    put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
    expect(&file, RANGED, 4);
    begin(&file, &GRAY16);
    put_table(&file, VOI_LUT, &(struct table){"US", 4, 900, 8, "OB", PIXELS("\7\x0F\xF0\xFF")});
    put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
    expect_noted(&file, "\7\7\7\7", 4, "no pixel falls into its VOI LUT");
}

static void test_which_wins(void **state) {
    (void)state;
    static const struct image_options lut = {.voi = IMAGE_VOI_LUT},
                                      window = {.voi = IMAGE_VOI_WINDOW};
    static const struct {
        const struct image_options *options;
        const char *gray;
    } cases[] = {{NULL, "\0\x0F\xF0\xFF"}, {&lut, "\0\x0F\xF0\xFF"}, {&window, "\0\0\x80\xFF"}};
    struct file file;
    begin(&file, &GRAY16);
    put_text(&file, WINDOW_CENTER, "DS", "2.5 ");
    put_text(&file, WINDOW_WIDTH, "DS", "3 ");
    put_table(&file, VOI_LUT, &(struct table){"US", 4, 0, 8, "OB", PIXELS("\0\x0F\xF0\xFF")});
    put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
    for (size_t i = 0; i < 3; i++) {
        struct image image;
        struct image_note note;
        struct error error;
        assert_true(decode_by(&file, cases[i].options, &image, &note, &error));
        assert_memory_equal(image.pixels, cases[i].gray, 4);
        assert_string_equal(note.text, "");
        image_free(&image);
    }
}

// Enhanced objects: shared groups, those of the first frame, and the dataset where they have none.
static void test_functional_groups(void **state) {
    (void)state;
    static const uint32_t groups[] = {SHARED, PER_FRAME, 0};
    for (size_t i = 0; i < 3; i++) {
        struct file file, window = {.length = 0}, rescale = {.length = 0}, group = {.length = 0};
        put_text(&window, WINDOW_CENTER, "DS", "1001");
        put_text(&window, WINDOW_WIDTH, "DS", "3 ");
        put_text(&rescale, INTERCEPT, "DS", "999 ");
        put_text(&rescale, SLOPE, "DS", "1 ");
        begin(&file, &GRAY16);
        put_text(&file, DICOM_TAG(0x28, 8), "IS", "7 ");
        put_text(&file, WINDOW_CENTER, "DS", groups[i] != 0 ? "40" : "1001");
        put_text(&file, WINDOW_WIDTH, "DS", groups[i] != 0 ? "80" : "3 ");
        if (groups[i] != 0) {
            put_sequence(&group, FRAME_VOI, &window);
        }
        put_sequence(&group, TRANSFORMATION, &rescale);
        put_sequence(&file, groups[i] != 0 ? groups[i] : SHARED, &group);
        put_pixels(&file, "OW", PIXELS_0_TO_3, 8); // 999 and up; 999.5 is black, 1001.5 white
        expect_noted(&file, PIXELS("\0\x40\xBF\xFF"), "first frame of 7");
    }
    struct file file, group = {.length = 0};
    put_text(&group, DICOM_TAG(8, 8), "CS", "ANY ");
    group.bytes[group.length - 6] = 99; // a length beyond the item
    begin(&file, &GRAY16);
    put_sequence(&file, SHARED, &group);
    put_pixels(&file, "OW", PIXELS_0_TO_3, 8);
    expect_noted(&file, RANGED, 4, "its functional groups (5200,9229) are damaged: left out");
}

// 65,536 entries, which a descriptor writes as 0.
static void test_longest(void **state) {
    (void)state;
    static uint8_t bytes[14 + 12 + 131072] = "\x28\0\x02\x30US\6\0\0\0\0\0\x10\0"
                                             "\x28\0\x06\x30OW\0\0\0\0\2\0";
    for (size_t i = 0; i < 65536; i++) {
        bytes[26 + 2 * i] = (uint8_t)(65535 - i);
        bytes[27 + 2 * i] = (uint8_t)((65535 - i) >> 8);
    }
    const struct dicom_set set = {bytes, sizeof bytes, true, false};
    struct dicom_lut lut;
    assert_int_equal(dicom_lut_read(&set, DESCRIPTOR, DATA, 0, 65535, &lut), DICOM_GIVEN);
    assert_int_equal(lut.bits, 16);
    assert_int_equal(dicom_lut_at(&lut, -5), 65535);
    assert_int_equal(dicom_lut_at(&lut, 1234.5), 65535 - 1235);
    assert_int_equal(dicom_lut_at(&lut, 1e300), 0);
    assert_false(dicom_lut_has(&lut, 65536));
    assert_true(dicom_lut_has(&lut, 65535));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modality),       cmocka_unit_test(test_voi),
        cmocka_unit_test(test_negative_first), cmocka_unit_test(test_not_understood),
        cmocka_unit_test(test_which_wins),     cmocka_unit_test(test_functional_groups),
        cmocka_unit_test(test_longest),
    };
    return cmocka_run_group_tests_name("dicom_lut", tests, NULL, NULL);
}
