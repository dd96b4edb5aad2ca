// From stored values to grey levels: what each element of a header must do to four pixels, and what
// is told of those that cannot be used.
#include "dicom_build.h"

#define WINDOW_CENTER DICOM_TAG(0x28, 0x1050)
#define WINDOW_WIDTH DICOM_TAG(0x28, 0x1051)
#define INTERCEPT DICOM_TAG(0x28, 0x1052)
#define SLOPE DICOM_TAG(0x28, 0x1053)
#define FUNCTION DICOM_TAG(0x28, 0x1056)
#define PADDING DICOM_TAG(0x28, 0x120)
#define PADDING_LIMIT DICOM_TAG(0x28, 0x121)
#define SHAPE DICOM_TAG(0x2050, 0x20)

// A header's element: tag, VR, value.
#define E(tag, vr, text)                                                                           \
    { tag, vr, text, sizeof(text) - 1 }

static const struct form GRAY16 = {"MONOCHROME2", 1, 4, 1, 16, 12, 11, 0};
static const struct form WHOLE16 = {"MONOCHROME2", 1, 4, 1, 16, 16, 15, 0};
static const struct form SIGNED16 = {"MONOCHROME2", 1, 4, 1, 16, 16, 15, 1};
static const struct form BYTES = {"MONOCHROME2", 1, 4, 1, 8, 8, 7, 0};

// 660, 1300, 2580, 4095; through the window 2048/4096; from the least to the greatest.
static const char RAMP[] = "\x94\x02\x14\x05\x14\x0A\xFF\x0F";
static const char THROUGH[] = "\x29\x51\xA1\xFF";
static const char RANGED[] = "\0\x30\x8F\xFF";

struct header {
    const struct form *form;
    struct {
        uint32_t tag;
        const char *vr, *value;
        size_t length;
    } elements[5];
    const char *pixels, *gray, *says;
};

static void build(const struct header *header, struct file *file) {
    const struct form *form = header->form != NULL ? header->form : &GRAY16;
    start(file, EXPLICIT);
    put_form(file, form);
    for (size_t i = 0; i < 5 && header->elements[i].vr != NULL; i++) {
        put(file, header->elements[i].tag, header->elements[i].vr, header->elements[i].value,
            (uint32_t)header->elements[i].length);
    }
    put_pixels(file, "OW", header->pixels != NULL ? header->pixels : RAMP, form->allocated / 2);
}

static void expect_all(const struct header *headers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct file file;
        build(&headers[i], &file);
        expect_noted(&file, headers[i].gray, 4, headers[i].says != NULL ? headers[i].says : "");
    }
}

static void test_window_numbers(void **state) {
    (void)state;
    static const struct {
        const char *vr, *centre;
        size_t length;
        const char *other_vr, *width;
        size_t other_length;
    } cases[] = {
        {"DS", PIXELS("2048"), "DS", PIXELS("4096")},
        {"DS", PIXELS("  2048 \0"), "DS", PIXELS(" 4096\0\0 ")},
        {"DS", PIXELS("2.048e3\\40"), "DS", PIXELS("+40960E-1\\5")},
        {"DS", PIXELS("2048.000000000000000000000000000000000000"), "IS", PIXELS("0004096.")},
        {"DS", PIXELS("\\2048\\7"), "DS", PIXELS(" \\4096\\9")},
        {"LO", PIXELS("2048"), "ST", PIXELS("4096")},
        {"UN", PIXELS("2048"), "CS", PIXELS("4096")},
        {"US", PIXELS("\0\x08"), "SS", PIXELS("\0\x10")},
        {"UL", PIXELS("\0\x08\0\0"), "SL", PIXELS("\0\x10\0\0\1\0\0\0")},
        {"UV", PIXELS("\0\x08\0\0\0\0\0\0"), "SV", PIXELS("\0\x10\0\0\0\0\0\0")},
        {"FL", PIXELS("\0\0\0\x45"), "FD", PIXELS("\0\0\0\0\0\0\xB0\x40")},
        {"OF", PIXELS("\0\0\0\x45"), "OD", PIXELS("\0\0\0\0\0\0\xB0\x40")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct header header = {
            .elements = {{WINDOW_CENTER, cases[i].vr, cases[i].centre, cases[i].length},
                         {WINDOW_WIDTH, cases[i].other_vr, cases[i].width, cases[i].other_length}},
            .gray = THROUGH};
        expect_all(&header, 1);
    }
}

static void test_big_endian_window(void **state) {
    (void)state;
    struct file file;
    start(&file, "1.2.840.10008.1.2.2");
    put_form(&file, &GRAY16);
    put(&file, WINDOW_CENTER, "FL", PIXELS("\x45\0\0\0"));
    put(&file, WINDOW_WIDTH, "US", PIXELS("\x10\0"));
    put_pixels(&file, "OW", PIXELS("\x02\x94\x05\x14\x0A\x14\x0F\xFF"));
    expect(&file, THROUGH, 4);
}

static void test_windows_not_understood(void **state) {
    (void)state;
    static const char unclear[] = "its window is not understood: left out";
    static const struct header headers[] = {
        {.elements = {E(WINDOW_CENTER, "DS", "1000,5"), E(WINDOW_WIDTH, "DS", "500,0 ")},
         .gray = "\0\xFF\xFF\xFF",
         .says = "(0028,1050) has a decimal comma: taken as 1000.5; "
                 "(0028,1051) has a decimal comma: taken as 500; "
                 "no pixel falls into its window 1000.5/500"},
        {.elements = {E(WINDOW_CENTER, "DS", "20x8"), E(WINDOW_WIDTH, "DS", "4096")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(WINDOW_CENTER, "DS", "2,048.0"), E(WINDOW_WIDTH, "DS", "4096")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(WINDOW_CENTER, "DS", "2048"), E(WINDOW_WIDTH, "DS", "0x1000")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(WINDOW_CENTER, "DS", "1e999 "), E(WINDOW_WIDTH, "DS", "nan ")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(WINDOW_CENTER, "OB", "2048"), E(WINDOW_WIDTH, "DS", "4096")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(WINDOW_CENTER, "UL", "\0\x08"), E(WINDOW_WIDTH, "DS", "4096")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(WINDOW_CENTER, "DS", "2048")}, .gray = RANGED, .says = unclear},
        {.elements = {E(WINDOW_WIDTH, "DS", "4096")}, .gray = RANGED, .says = unclear},
        {.elements = {E(WINDOW_CENTER, "DS", ""), E(WINDOW_WIDTH, "DS", "")}, .gray = RANGED},
        {.elements = {E(WINDOW_CENTER, "DS", "2048"), E(WINDOW_WIDTH, "DS", "0 ")},
         .gray = RANGED,
         .says = "its window has a width of 0: left out"},
        {.elements = {E(WINDOW_CENTER, "DS", "2048"), E(WINDOW_WIDTH, "DS", "-4096 ")},
         .gray = RANGED,
         .says = "its window has a width of -4096: left out"},
        {.elements = {E(WINDOW_CENTER, "DS", "2048"), E(WINDOW_WIDTH, "DS", "0.5 "),
                      E(FUNCTION, "CS", "linear")},
         .gray = RANGED,
         .says = "its window has a width of 0.5: left out"},
        {.elements = {E(WINDOW_CENTER, "DS", "2048"), E(WINDOW_WIDTH, "DS", "4096"),
                      E(FUNCTION, "CS", "LOGARITHMIC ")},
         .gray = THROUGH,
         .says = "its VOI LUT Function is not known: taken as LINEAR"},
        {.elements = {E(WINDOW_CENTER, "DS", "40"), E(WINDOW_WIDTH, "DS", "400 "),
                      E(INTERCEPT, "DS", "-10000"), E(SLOPE, "DS", "1 ")},
         .gray = "\0\0\0\0",
         .says = "no pixel falls into its window 40/400"},
        {.elements = {E(WINDOW_CENTER, "DS", "2000"), E(WINDOW_WIDTH, "DS", "10 ")},
         .gray = "\0\0\xFF\xFF",
         .says = "no pixel falls into its window 2000/10"},
        {.elements = {E(WINDOW_CENTER, "DS", "2000"), E(WINDOW_WIDTH, "DS", "10 "),
                      E(FUNCTION, "CS", "LINEAR_EXACT")},
         .gray = "\0\0\xFF\xFF",
         .says = "no pixel falls into its window 2000/10"},
        {.elements = {E(WINDOW_CENTER, "DS", "2000"), E(WINDOW_WIDTH, "DS", "10 "),
                      E(FUNCTION, "CS", "SIGMOID ")},
         .gray = "\0\0\xFF\xFF",
         .says = "no pixel falls into its window 2000/10"},
    };
    expect_all(headers, sizeof headers / sizeof *headers);
}

// The values 200, 220, 240, 300 become 0, 10, 20, 50 by the rescale.
static void test_functions(void **state) {
    (void)state;
    static const struct {
        const char *centre, *width, *function, *pixels;
    } cases[] = {
        // PS3.3 C.11.2.1.2: (value - 9.5) / 20 + 0.5
        {"10\\99 ", "21\\1 ", "LINEAR", "\x06\x86\xFF\xFF"},
        {"20", "40", "LINEAR_EXACT\\LINEAR_EXACT ", "\0\x40\x80\xFF"},
        {"20", "40", "SIGMOID ", "\x1E\x45\x80\xF3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file file;
        start(&file, EXPLICIT);
        put_form(&file, &GRAY16);
        put_text(&file, WINDOW_CENTER, "DS", cases[i].centre);
        put_text(&file, WINDOW_WIDTH, "DS", cases[i].width);
        put_text(&file, INTERCEPT, "DS", "-100");
        put_text(&file, SLOPE, "DS", "0.5 ");
        put_text(&file, FUNCTION, "CS", cases[i].function);
        put_pixels(&file, "OW", PIXELS("\xC8\0\xDC\0\xF0\0\x2C\1"));
        expect(&file, cases[i].pixels, 4);
    }
}

static void test_rescale_not_understood(void **state) {
    (void)state;
    static const char unclear[] = "its Rescale Slope or Intercept is not understood: left out, and "
                                  "with it any window or VOI LUT";
    static const struct header headers[] = {
        {.elements = {E(INTERCEPT, "DS", "-1024 "), E(SLOPE, "DS", "one "),
                      E(WINDOW_CENTER, "DS", "40"), E(WINDOW_WIDTH, "DS", "400 ")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(INTERCEPT, "DS", "0 "), E(SLOPE, "DS", "0 ")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(INTERCEPT, "DS", "0 "), E(SLOPE, "DS", "1e300 ")},
         .gray = RANGED,
         .says = unclear},
        {.elements = {E(SLOPE, "DS", "2 "), E(WINDOW_CENTER, "DS", "4095.5"),
                      E(WINDOW_WIDTH, "DS", "8191")},
         .gray = THROUGH,
         .says = "has a Rescale Slope and no Intercept: the other is taken as 0"},
        {.elements = {E(INTERCEPT, "FD", "\0\0\0\0\0\0\x90\xC0"), E(WINDOW_CENTER, "DS", "1024"),
                      E(WINDOW_WIDTH, "DS", "4096")},
         .gray = THROUGH,
         .says = "has a Rescale Intercept and no Slope: the other is taken as 1"},
        // A slope below 0 turns white into black.
        {.elements = {E(INTERCEPT, "DS", "0 "), E(SLOPE, "DS", "-1")}, .gray = "\xFF\xCF\x70\0"},
    };
    expect_all(headers, sizeof headers / sizeof *headers);
}

static void test_padding(void **state) {
    (void)state;
    static const char three[] = "\x08\0\x94\x02\xFF\x0F\xFF\xFF"; // 8, 660, 4095, 65535
    static const char below[] = "\x30\xF8\0\xFC\0\0\0\4";         // -2000, -1024, 0, 1024
    static const struct header headers[] = {
        {.form = &WHOLE16,
         .elements = {E(PADDING, "US", "\xFF\xFF")},
         .pixels = three,
         .gray = "\0\x29\xFF\xFF"},
        {.form = &WHOLE16,
         .elements = {E(PADDING, "SS", "\xFF\xFF")},
         .pixels = three,
         .gray = "\0\x29\xFF\xFF"},
        {.form = &WHOLE16,
         .elements = {E(PADDING, "DS", "65535 ")},
         .pixels = three,
         .gray = "\0\x29\xFF\xFF"},
        {.form = &SIGNED16,
         .elements = {E(PADDING, "SS", "\x30\xF8")},
         .pixels = below,
         .gray = "\0\0\x80\xFF"},
        {.form = &SIGNED16,
         .elements = {E(PADDING, "US", "\x30\xF8")},
         .pixels = below,
         .gray = "\0\0\x80\xFF"},
        // All bits of a padding pixel, though 12 are stored.
        {.form = &GRAY16,
         .elements = {E(PADDING, "US", "\xFF\xFF")},
         .pixels = "\0\0\x0A\0\x14\0\xFF\xFF",
         .gray = "\0\x80\xFF\xFF"},
        // Both ends of a range, in any order.
        {.form = &SIGNED16,
         .elements = {E(PADDING, "SS", "\x30\xF8"), E(PADDING_LIMIT, "SS", "\0\xFC")},
         .pixels = below,
         .gray = "\0\0\0\xFF"},
        {.form = &SIGNED16,
         .elements = {E(PADDING, "SS", "\0\xFC"), E(PADDING_LIMIT, "SS", "\x30\xF8")},
         .pixels = below,
         .gray = "\0\0\0\xFF"},
        // A value that does not occur changes nothing.
        {.elements = {E(PADDING, "US", "\1\0")}, .gray = RANGED},
        {.elements = {E(PADDING, "DS", "70000 ")},
         .gray = RANGED,
         .says = "its Pixel Padding Value is not understood: left out"},
        {.elements = {E(PADDING, "US", "\0\0"), E(PADDING_LIMIT, "LO", "none")},
         .gray = RANGED,
         .says = "its Pixel Padding Range Limit is not understood: left out"},
        {.elements = {E(PADDING_LIMIT, "US", "\0\2")},
         .gray = RANGED,
         .says = "has a Pixel Padding Range Limit and no Pixel Padding Value: left out"},
        {.elements = {E(PADDING, "US", "\0\0"), E(PADDING_LIMIT, "US", "\xFF\x0F")},
         .gray = RANGED,
         .says = "all its pixels are padding: taken as the picture"},
    };
    expect_all(headers, sizeof headers / sizeof *headers);
}

static void test_eight_bits(void **state) {
    (void)state;
    static const char bytes[] = "\0\x14\x28\xC8"; // 0, 20, 40, 200
    static const char words[] = "\0\0\x14\0\x28\0\xC8\0";
    static const struct form stored8 = {"MONOCHROME2", 1, 4, 1, 16, 8, 7, 0};
    static const struct form stored6 = {"MONOCHROME2", 1, 4, 1, 8, 6, 5, 0};
    static const struct form signed8 = {"MONOCHROME2", 1, 4, 1, 8, 8, 7, 1};
    static const struct header headers[] = {
        {.form = &BYTES, .pixels = bytes, .gray = bytes},
        {.form = &stored8, .pixels = words, .gray = bytes},
        {.form = &BYTES,
         .elements = {E(INTERCEPT, "DS", "-5"), E(SLOPE, "DS", "3 ")},
         .pixels = bytes,
         .gray = bytes},
        {.form = &BYTES,
         .elements = {E(INTERCEPT, "DS", "0 "), E(SLOPE, "DS", "-2")},
         .pixels = bytes,
         .gray = "\xFF\xEB\xD7\x37"},
        {.form = &BYTES,
         .elements = {E(WINDOW_CENTER, "DS", "24"), E(WINDOW_WIDTH, "DS", "48")},
         .pixels = bytes,
         .gray = "\0\x6D\xD9\xFF"},
        {.form = &stored8,
         .elements = {E(WINDOW_CENTER, "DS", "24"), E(WINDOW_WIDTH, "DS", "48")},
         .pixels = words,
         .gray = "\0\x6D\xD9\xFF"},
        {.form = &BYTES,
         .elements = {E(INTERCEPT, "DS", "-10 "), E(SLOPE, "DS", "2 "),
                      E(WINDOW_CENTER, "DS", "37.5"), E(WINDOW_WIDTH, "DS", "95")},
         .pixels = bytes,
         .gray = "\0\x6D\xD9\xFF"},
        {.form = &stored6, .pixels = "\0\x15\x2A\x3F", .gray = "\0\x55\xAA\xFF"},
        {.form = &signed8, .pixels = "\x80\xFF\0\x7F", .gray = "\0\x7F\x80\xFF"},
    };
    expect_all(headers, sizeof headers / sizeof *headers);
}

static void test_presentation(void **state) {
    (void)state;
    static const struct form one = {"MONOCHROME1 ", 1, 4, 1, 16, 12, 11, 0};
    static const struct form twice = {"MONOCHROME1\\MONOCHROME1 ", 1, 4, 1, 16, 12, 11, 0};
    static const char inverted[] = "\xFF\xCF\x70\0";
    static const struct header headers[] = {
        {.form = &one, .gray = inverted},
        {.form = &twice, .gray = inverted},
        {.form = &one, .elements = {E(SHAPE, "CS", "INVERSE ")}, .gray = inverted},
        {.form = &one,
         .elements = {E(SHAPE, "CS", "IDENTITY")},
         .gray = inverted,
         .says = "its Presentation LUT Shape is not that of MONOCHROME1: left out"},
        {.elements = {E(SHAPE, "CS", "IDENTITY")}, .gray = RANGED},
        {.elements = {E(SHAPE, "CS", "INVERSE ")},
         .gray = RANGED,
         .says = "its Presentation LUT Shape is not that of MONOCHROME2: left out"},
        {.elements = {E(DICOM_TAG(0x2050, 0x10), "SQ", "\xFE\xFF\0\xE0\0\0\0\0")},
         .gray = RANGED,
         .says = "has a Presentation LUT: left out"},
        {.pixels = "\x94\x02\x14\x05\x14\x1A\xFF\x0F",
         .gray = RANGED,
         .says = "has bits set beyond the 12 stored: left out"},
    };
    static const char *const refused[] = {"MONOCHROME1\\MONOCHROME2 ", "MONOCHROME1\\",
                                          "A PHOTOMETRIC INTERPRETATION"};
    expect_all(headers, sizeof headers / sizeof *headers);
    struct form untold = GRAY16;
    untold.photometric = "";
    expect_all(&(struct header){.form = &untold,
                                .gray = RANGED,
                                .says = "has no Photometric Interpretation: taken as MONOCHROME2"},
               1);
    for (size_t i = 0; i < 3; i++) {
        struct file file;
        struct form form = GRAY16;
        form.photometric = refused[i];
        build(&(struct header){.form = &form}, &file);
        expect_refused(&file, "Photometric Interpretation");
    }
}

// A mask's 0 stays what it is; without the option one value becomes 0.
static void test_range_from_zero(void **state) {
    (void)state;
    static const struct image_options mask = {.from_zero = true};
    static const struct {
        const struct image_options *options;
        const char *pixels, *gray;
    } cases[] = {{NULL, "\xFF\x0F\xFF\x0F\xFF\x0F\xFF\x0F", "\0\0\0\0"},
                 {&mask, "\xFF\x0F\xFF\x0F\xFF\x0F\xFF\x0F", "\xFF\xFF\xFF\xFF"},
                 {&mask, "\0\0\0\0\0\0\0\0", "\0\0\0\0"},
                 {&mask, "\0\0\x01\0\x01\0\0\0", "\0\xFF\xFF\0"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file file;
        struct image image;
        struct image_note note;
        struct error error;
        build(&(struct header){.pixels = cases[i].pixels}, &file);
        assert_true(decode_by(&file, cases[i].options, &image, &note, &error));
        assert_memory_equal(image.pixels, cases[i].gray, 4);
        image_free(&image);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_numbers),
        cmocka_unit_test(test_big_endian_window),
        cmocka_unit_test(test_windows_not_understood),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_rescale_not_understood),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_eight_bits),
        cmocka_unit_test(test_presentation),
        cmocka_unit_test(test_range_from_zero),
    };
    return cmocka_run_group_tests_name("dicom_gray", tests, NULL, NULL);
}
