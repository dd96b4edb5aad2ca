// Folds: the reference's order, and that training and validation never share an image.
#include "dataset/fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 103

// Ids in an order that is not the sorted one; bytewise sorting puts "id10" before "id2".
static void make_ids(struct text *ids, char (*bytes)[16], size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(bytes[i], sizeof bytes[i], "id%u", (unsigned)(i * 37 % count) % 1000);
        ids[i] = text_of(bytes[i]);
    }
}

// torch.randperm(10) with seed 1234 is 5 4 8 2 6 9 1 7 0 3.
static void test_known_order(void **state) {
    (void)state;
    const char *given[] = {"j", "a", "i", "b", "h", "c", "g", "d", "f", "e"};
    struct text ids[10];
    uint32_t order[10];
    size_t selected = 0;
    struct error error;
    char names[11] = {0};
    for (size_t i = 0; i < 10; i++) {
        ids[i] = text_of(given[i]);
    }
    assert_true(fold_order(ids, 10, (struct fold){1, 3}, SPLIT_VAL, order, &selected, &error));
    assert_int_equal(selected, 3); // positions 10*1/3 = 3 .. 10*2/3 = 6
    for (size_t i = 0; i < selected; i++) {
        names[i] = *given[order[i]];
    }
    assert_string_equal(names, "cgj");
    assert_true(fold_order(ids, 10, (struct fold){1, 3}, SPLIT_TRAIN, order, &selected, &error));
    assert_int_equal(selected, 7);
    for (size_t i = 0; i < selected; i++) {
        names[i] = *given[order[i]];
    }
    assert_string_equal(names, "feibhad");
}

static void test_partition(void **state) {
    (void)state;
    static char bytes[COUNT][16];
    static struct text ids[COUNT];
    uint32_t order[COUNT];
    struct error error;
    make_ids(ids, bytes, COUNT);
    for (size_t folds = 2; folds <= 12; folds += 5) {
        int validated[COUNT] = {0};
        for (size_t k = 0; k < folds; k++) {
            int seen[COUNT] = {0};
            size_t training = 0;
            size_t validating = 0;
            const struct fold fold = {k, folds};
            assert_true(fold_order(ids, COUNT, fold, SPLIT_TRAIN, order, &training, &error));
            for (size_t i = 0; i < training; i++) {
                seen[order[i]]++;
            }
            assert_true(fold_order(ids, COUNT, fold, SPLIT_VAL, order, &validating, &error));
            for (size_t i = 0; i < validating; i++) {
                seen[order[i]]++;
                validated[order[i]]++;
            }
            assert_int_equal(training + validating, COUNT);
            for (size_t i = 0; i < COUNT; i++) {
                assert_int_equal(seen[i], 1);
            }
        }
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(validated[i], 1);
        }
    }
}

// The order that images are given in does not matter.
static void test_order_of_input(void **state) {
    (void)state;
    static char bytes[COUNT][16];
    static struct text ids[COUNT];
    static struct text reversed[COUNT];
    uint32_t a[COUNT];
    uint32_t b[COUNT];
    size_t count_a = 0;
    size_t count_b = 0;
    struct error error;
    make_ids(ids, bytes, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        reversed[i] = ids[COUNT - 1 - i];
    }
    assert_true(fold_order(ids, COUNT, (struct fold){4, 5}, SPLIT_VAL, a, &count_a, &error));
    assert_true(fold_order(reversed, COUNT, (struct fold){4, 5}, SPLIT_VAL, b, &count_b, &error));
    assert_int_equal(count_a, count_b);
    for (size_t i = 0; i < count_a; i++) {
        assert_true(text_equal(ids[a[i]], reversed[b[i]]));
    }
}

static void test_all(void **state) {
    (void)state;
    const struct text ids[] = {text_of("c"), text_of("a"), text_of("b")};
    uint32_t order[3];
    size_t selected = 0;
    struct error error;
    assert_true(fold_order(ids, 3, (struct fold){0, 1}, SPLIT_ALL, order, &selected, &error));
    assert_int_equal(selected, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(order[i], i);
    }
}

static void test_twice(void **state) {
    (void)state;
    const struct text ids[] = {text_of("a"), text_of("b"), text_of("a")};
    uint32_t order[3];
    size_t selected = 0;
    struct error error;
    for (enum split split = SPLIT_ALL; split <= SPLIT_VAL; split++) {
        assert_false(fold_order(ids, 3, (struct fold){0, 2}, split, order, &selected, &error));
        assert_non_null(strstr(error.text, "'a' is there twice"));
    }
}

static void test_few(void **state) {
    (void)state;
    const struct text ids[] = {text_of("a")};
    uint32_t order[1];
    size_t selected = 9;
    struct error error;
    assert_true(fold_order(ids, 1, (struct fold){0, 10}, SPLIT_VAL, order, &selected, &error));
    assert_int_equal(selected, 0);
    assert_true(fold_order(ids, 1, (struct fold){9, 10}, SPLIT_VAL, order, &selected, &error));
    assert_int_equal(selected, 1);
    assert_true(fold_order(NULL, 0, (struct fold){0, 10}, SPLIT_TRAIN, order, &selected, &error));
    assert_int_equal(selected, 0);
}

static void test_parse(void **state) {
    (void)state;
    struct fold fold;
    struct error error;
    assert_true(fold_parse(&fold, "9/10", &error));
    assert_int_equal(fold.index, 9);
    assert_int_equal(fold.count, 10);
    const char *bad[] = {"",
                         "1",
                         "/",
                         "1/",
                         "/5",
                         "5/5",
                         "-1/5",
                         "1/-5",
                         "1/5x",
                         " 1/5",
                         "1 /5",
                         "1/5/6",
                         "0/1",
                         "0/0",
                         "0/70000",
                         "0/99999999999999999999",
                         "99999999999999999999/5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(fold_parse(&fold, bad[i], &error));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_order),    cmocka_unit_test(test_partition),
        cmocka_unit_test(test_order_of_input), cmocka_unit_test(test_all),
        cmocka_unit_test(test_twice),          cmocka_unit_test(test_few),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
