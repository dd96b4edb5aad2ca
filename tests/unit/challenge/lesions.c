// lesions: the masks of tables of another size, and which grey levels are a mask.
#include "challenge/lesions.h"

#include "core/numbers/random.h"
#include "program/xray_files/mask_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- sizes

static void add_row(struct labels *labels, const char *runs) {
    struct error error;
    assert_true(labels_add(labels, text_of("x"), text_of(runs), 2, &error));
}

static void expect_rle(struct lesions *lesions, const struct labels *labels, size_t height,
                       size_t width, const char *expected) {
    struct error error = {""};
    struct value list;
    char found[200] = "";
    if (!lesions_of_row(lesions, labels, 0, height, width, &list, &error)) {
        fail_msg("%s", error.text);
    }
    for (size_t i = 0; i < list.list.count; i++) {
        sprintf(found + strlen(found), "%.*s;", TEXT_ARG(list.list.items[i].text));
    }
    assert_string_equal(found, expected);
}

static void test_sizes(void **state) {
    (void)state;
    struct lesions lesions = {.height = 4, .width = 3};
    struct labels labels = {.name = strdup("t.csv")};
    struct value list;
    struct error error = {""};
    add_row(&labels, "5 2");     // rows 1 and 2 of column 1
    add_row(&labels, "6 1 4 1"); // row 2 of column 1, row 3 of column 2
    assert_true(labels_sort(&labels, &error));
    expect_rle(&lesions, &labels, 4, 3, "5 2;6 1 4 1;");     // its own size: as they are
    expect_rle(&lesions, &labels, 8, 3, "10 4 8 2;");        // rows doubled
    expect_rle(&lesions, &labels, 4, 6, "9 2 2 2 4 1 3 1;"); // columns doubled
    expect_rle(&lesions, &labels, 2, 3, "3 1;");             // rows 0 and 2 are left
    expect_rle(&lesions, &labels, 1, 1, "");                 // row 0, column 0
    lesions.height = lesions.width = 0;                      // each image's own size
    expect_rle(&lesions, &labels, 13, 1, "5 2;6 1 4 1;");
    assert_false(lesions_of_row(&lesions, &labels, 0, 2, 3, &list, &error));
    assert_string_equal(error.text,
                        "t.csv: line 2: x: run lengths: run 1 ends at pixel 7 of 6 (2 x 3)");
    lesions_free(&lesions);
    labels_free(&labels);
}

// Twice the size and back is the same mask.
static void test_there_and_back(void **state) {
    (void)state;
    struct lesions twice = {.height = 9, .width = 14};
    struct lesions back = {.height = 18, .width = 28};
    struct error error;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct labels labels = {.name = NULL};
        struct labels larger = {.name = NULL};
        struct random random = random_seed(seed, 1, 2);
        struct value list;
        char text[2000] = "";
        for (size_t left = 9 * 14; left > 20;) {
            const size_t gap = 1 + (size_t)random_below(&random, 9);
            const size_t run = 1 + (size_t)random_below(&random, 9);
            sprintf(text + strlen(text), "%s%zu %zu", text[0] != 0 ? " " : "", gap, run);
            left -= gap + run;
        }
        add_row(&labels, text);
        assert_true(labels_sort(&labels, &error));
        assert_true(lesions_of_row(&twice, &labels, 0, 18, 28, &list, &error));
        assert_true(labels_add(&larger, text_of("x"), list.list.items[0].text, 0, &error));
        assert_true(labels_sort(&larger, &error));
        assert_true(lesions_of_row(&back, &larger, 0, 9, 14, &list, &error));
        assert_true(text_is(list.list.items[0].text, text));
        labels_free(&labels);
        labels_free(&larger);
    }
    lesions_free(&twice);
    lesions_free(&back);
}

// ---- grey levels

// An image of these levels, each in two pixels, becomes `mask`; NULL: it is refused.
static void expect_mask(const char *levels, size_t count, bool lossy, const char *mask) {
    struct image image;
    struct error error = {""};
    assert_true(image_alloc(&image, 2, count, &error));
    for (size_t i = 0; i < 2 * count; i++) {
        image.pixels[i] = (uint8_t)levels[i % count];
    }
    assert_int_equal(mask_files_binarise(&image, lossy, &error), mask != NULL);
    for (size_t i = 0; mask != NULL && i < 2 * count; i++) {
        assert_int_equal(image.pixels[i], mask[i % count] - '0');
    }
    assert_int_equal(strstr(error.text, "not a mask: grey levels") != NULL, mask == NULL);
    image_free(&image);
}

static void test_levels(void **state) {
    (void)state;
    for (int lossy = 0; lossy < 2; lossy++) {
        expect_mask("\0\0\0", 3, lossy, "000");
        expect_mask("\0\1\0", 3, lossy, "010");
        expect_mask("\xFF\0\0", 3, lossy, "100");
        expect_mask("\0\x80\x80", 3, lossy, "011");
        expect_mask("\xFF\xFF", 2, lossy, "11");
        expect_mask("\0\1\2", 3, lossy, NULL);
        expect_mask("\1\2\1", 3, lossy, NULL);
        expect_mask("\0\x80\xFF", 3, lossy, NULL);
        expect_mask("\0\x40\xFF", 3, lossy, NULL); // 64
        expect_mask("\0\xBF\xFF", 3, lossy, NULL); // 191
    }
    expect_mask("\0\x3F\xC0\xFF", 4, true, "0011"); // 63 and 192
    expect_mask("\0\x3F\xC0\xFF", 4, false, NULL);
    expect_mask("\0\1\xFF", 3, true, "001");
    expect_mask("\0\1\xFF", 3, false, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
