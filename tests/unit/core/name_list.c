// Lists of names in messages end after ten with a count.
#include "../child.h"

#include "core/text/name_list.h"

static void add(struct name_list *list, const char *name) {
    name_list_add(list, name, strlen(name), NULL);
}

static void test_all_are_shown(void **state) {
    (void)state;
    struct name_list list = {0};
    assert_string_equal(name_list_end(&list), "");
    add(&list, "a");
    name_list_add(&list, "b\n", 2, "of 2 bytes");
    name_list_add(&list, "c\0d", 3, NULL);
    assert_string_equal(name_list_end(&list), "'a', 'b\\x0a' (of 2 bytes), 'c\\x00d'");
    assert_int_equal(list.count, 3);
}

static void test_ten_are_shown(void **state) {
    (void)state;
    struct name_list ten = {0};
    struct name_list more = {0};
    for (int i = 0; i < 10; i++) {
        add(&ten, "x");
        add(&more, "x");
    }
    assert_string_equal(name_list_end(&ten), "'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x'");
    add(&more, "y");
    add(&more, "z");
    assert_string_equal(name_list_end(&more),
                        "'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x' and 2 more");
}

// What does not fit is counted, and so is what comes behind it.
static void test_room(void **state) {
    (void)state;
    struct name_list list = {.max_bytes = 45};
    add(&list, "first");
    add(&list, "one that is longer");
    add(&list, "b");
    assert_string_equal(name_list_end(&list), "'first' and 2 more");
    struct name_list full = {.max_bytes = 1};
    add(&full, "a");
    assert_string_equal(name_list_end(&full), "1 more");
    struct name_list large = {0};
    char name[400];
    memset(name, 'n', sizeof name);
    for (int i = 0; i < 1000; i++) {
        name_list_add(&large, name, sizeof name, NULL);
    }
    assert_true(strlen(name_list_end(&large)) < NAME_LIST_SIZE);
    assert_string_equal(large.text + strlen(large.text) - 14, "' and 995 more");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_shown),
        cmocka_unit_test(test_ten_are_shown),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
