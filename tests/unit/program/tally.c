// Counts by name, and messages that differ in numbers only.
#include "program/survey/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void expect_row(const struct tally *tally, size_t index, const char *name, size_t count,
                       const char *example) {
    const struct tally_row *row = &tally->rows[index];
    assert_true(index < tally->keys.count);
    assert_true(text_is(row->name, name));
    assert_int_equal(row->count, count);
    assert_true(text_is(row->example, example));
}

static void test_counts(void **state) {
    (void)state;
    struct tally tally = {.total = 0};
    struct error error;
    assert_true(tally_add(&tally, "one", 1, NULL, &error));
    assert_true(tally_add(&tally, "three", 2, "first", &error));
    assert_true(tally_add(&tally, "three", 1, "second", &error));
    assert_true(tally_add(&tally, "one again", 1, "", &error));
    assert_true(tally_add(&tally, "one", 0, "late", &error));
    assert_int_equal(tally.total, 5);
    tally_sort(&tally);
    expect_row(&tally, 0, "three", 3, "first");
    expect_row(&tally, 1, "one", 1, "late");
    expect_row(&tally, 2, "one again", 1, "");
    tally_free(&tally);
}

static void test_messages(void **state) {
    (void)state;
    static const struct {
        const char *message;
        size_t row;
    } cases[] = {
        {"has 32 bits a sample: only 1, 8 and 16 are read", 0},
        {"has 9 bits a sample: only 1, 8 and 16 are read", 0},
        {"has no bits a sample: only 1, 8 and 16 are read", 1},
        {"transfer syntax 1.2.840.10008.1.2.4.100 is not read", 2},
        {"transfer syntax 1.2.840.10008.1.2.4.101 is not read", 3},
        {"element (7fe0,0010) claims 5000 bytes where 1 are left", 4},
        {"element (0028,00ff) claims 7 bytes where 12345 are left", 4},
        {"element 7fe0 claims 7 bytes where 12345 are left", 5},
        {"9", 6},
        {"12", 6},
        {"", 7},
    };
    enum { CASES = sizeof cases / sizeof *cases };
    struct tally tally = {.total = 0};
    struct error error;
    for (size_t i = 0; i < CASES; i++) {
        assert_true(tally_add_message(&tally, cases[i].message, 1, cases[i].message, &error));
        assert_int_equal(tally.keys.count, cases[i].row + 1);
    }
    expect_row(&tally, 0, cases[0].message, 2, cases[0].message);
    expect_row(&tally, 4, cases[5].message, 2, cases[5].message);
    tally_free(&tally);
}

static void test_many(void **state) {
    (void)state;
    struct tally tally = {.total = 0};
    struct error error;
    for (unsigned i = 0; i < 3000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%u", i % 1000);
        assert_true(tally_add(&tally, name, 1 + i % 1000, name, &error));
    }
    assert_int_equal(tally.keys.count, 1000);
    tally_sort(&tally);
    expect_row(&tally, 0, "999", 3000, "999");
    expect_row(&tally, 999, "0", 3, "0");
    tally_free(&tally);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
