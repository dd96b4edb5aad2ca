// sizes: what a record tells of its image's size, and sizes by id.
#include "dataset/ids/sizes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t pixels[24];

static void expect_size(const struct field *fields, size_t count, size_t height, size_t width) {
    const struct record record = {text_of("x"), count, fields};
    struct error error = {""};
    size_t found[2] = {0, 0};
    assert_true(size_of_record(&record, &found[0], &found[1], &error));
    assert_int_equal(found[0], height);
    assert_int_equal(found[1], width);
}

static void expect_refused(const struct field *fields, size_t count, const char *words) {
    const struct record record = {text_of("x"), count, fields};
    struct error error = {""};
    size_t found[2] = {0, 0};
    assert_false(size_of_record(&record, &found[0], &found[1], &error));
    assert_non_null(strstr(error.text, words));
}

static void test_records(void **state) {
    (void)state;
    const struct tensor plane = tensor_plane(DTYPE_U1, 4, 6, pixels);
    const struct tensor numbers = tensor_plane(DTYPE_F2, 3, 4, pixels);
    const struct value sides[] = {value_integer(7), value_integer(9)};
    const struct field image = {text_of("image"), value_tensor(&plane)};
    const struct field mask = {text_of("mask"), value_tensor(&plane)};
    const struct field probability = {text_of("probability"), value_tensor(&numbers)};
    const struct field rle = {text_of("rle"), value_list(NULL, 0)};
    const struct field size = {text_of("size"), value_list(sides, 2)};
    expect_size(&image, 1, 4, 6);
    expect_size(&mask, 1, 4, 6);
    expect_size(&probability, 1, 3, 4);
    expect_size((struct field[]){image, size}, 2, 7, 9);
    expect_size((struct field[]){rle, size}, 2, 7, 9);
    expect_refused(&rle, 1, "x: nothing in it tells the image's size");
    expect_refused(NULL, 0, "nothing in it");
}

static void test_odd_sizes(void **state) {
    (void)state;
    static const int64_t wrong[][2] = {{0, 5}, {5, -1}, {65536, 1}, {65535, 65535}, {16384, 16385}};
    const struct tensor empty = tensor_plane(DTYPE_U1, 0, 6, pixels);
    const struct field image = {text_of("image"), value_tensor(&empty)};
    expect_refused(&image, 1, "x: no image has 0 x 6 pixels");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct value sides[] = {value_integer(wrong[i][0]), value_integer(wrong[i][1])};
        const struct field size = {text_of("size"), value_list(sides, 2)};
        expect_refused(&size, 1, "'size' is not a list of height and width");
    }
    const struct value sides[] = {value_integer(3), value_number(3), value_integer(3)};
    const struct field three = {text_of("size"), value_list(sides, 3)};
    const struct field number = {text_of("size"), value_list(sides, 2)};
    const struct field text = {text_of("size"), value_text(text_of("3x3"))};
    const struct field plain = {text_of("image"), value_integer(3)};
    expect_refused(&three, 1, "'size' is not");
    expect_refused(&number, 1, "'size' is not");
    expect_refused(&text, 1, "'size' is not");
    expect_refused(&plain, 1, "image");
}

static void test_by_id(void **state) {
    (void)state;
    enum { COUNT = 5000 }; // more than there is space for at first
    struct sizes sizes = {.height = 0};
    struct error error = {""};
    char id[20];
    size_t height = 0;
    size_t width = 0;
    sizes.name = strdup("index.mpk");
    for (size_t round = 0; round < 2; round++) { // the same again is no error
        for (size_t i = 1; i <= COUNT; i++) {
            sprintf(id, "i%zu", i);
            assert_true(sizes_add(&sizes, text_of(id), i, 2 * i, &error));
        }
    }
    for (size_t i = 1; i <= COUNT; i++) {
        sprintf(id, "i%zu", i);
        assert_true(sizes_find(&sizes, text_of(id), &height, &width, &error));
        assert_int_equal(height, i);
        assert_int_equal(width, 2 * i);
    }
    assert_false(sizes_find(&sizes, text_of("j"), &height, &width, &error));
    assert_string_equal(error.text, "index.mpk: no size of 'j' in it");
    assert_false(sizes_add(&sizes, text_of("i3"), 3, 5, &error));
    assert_string_equal(error.text, "'i3' is 3 x 5 here, and 3 x 6 before");
    sizes_free(&sizes);
    sizes = (struct sizes){.height = 8, .width = 9}; // one for all
    assert_true(sizes_find(&sizes, text_of("j"), &height, &width, &error));
    assert_int_equal(height, 8);
    assert_int_equal(width, 9);
    sizes_free(&sizes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_odd_sizes),
        cmocka_unit_test(test_by_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
