// Arrays that grow: capacities, contents, and arrays that cannot be had.
#include "core/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void elements_one_by_one(void **state) {
    (void)state;
    uint32_t *numbers = NULL;
    size_t capacity = 0;
    size_t changes = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        const size_t before = capacity;
        uint32_t *grown = array_grow(numbers, &capacity, (size_t)i + 1, sizeof *grown);
        assert_non_null(grown);
        numbers = grown;
        changes += capacity != before;
        numbers[i] = i;
    }
    assert_int_equal(capacity, 64 << 11);
    assert_int_equal(changes, 12);
    for (uint32_t i = 0; i < 100000; i++) {
        assert_int_equal(numbers[i], i);
    }
    free(numbers);
}

static void what_has_room_stays(void **state) {
    (void)state;
    uint64_t three[3] = {1, 2, 3};
    size_t capacity = 3;
    assert_ptr_equal(array_grow(three, &capacity, 1, sizeof *three), three);
    assert_ptr_equal(array_grow(three, &capacity, 3, sizeof *three), three);
    assert_int_equal(capacity, 3);
}

static void many_at_once(void **state) {
    (void)state;
    size_t capacity = 0;
    unsigned char *bytes = array_grow(NULL, &capacity, 1000, 1);
    assert_non_null(bytes);
    assert_int_equal(capacity, 1000);
    bytes[999] = 7;
    unsigned char *more = array_grow(bytes, &capacity, 1001, 1);
    assert_non_null(more);
    assert_int_equal(capacity, 2000);
    assert_int_equal(more[999], 7);
    more[1999] = 8;
    free(more);
}

static void sizes_that_overflow(void **state) {
    (void)state;
    size_t capacity = 0;
    uint64_t *numbers = array_grow(NULL, &capacity, 1, sizeof *numbers);
    assert_non_null(numbers);
    assert_int_equal(capacity, 64);
    numbers[63] = 5;
    const size_t most = SIZE_MAX / 2 / sizeof *numbers;
    const size_t needed[] = {SIZE_MAX, SIZE_MAX / sizeof *numbers + 2, most + 1};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        assert_null(array_grow(numbers, &capacity, needed[i], sizeof *numbers));
        assert_int_equal(capacity, 64);
        assert_int_equal(numbers[63], 5);
    }
    free(numbers);
    // A capacity, of nothing that is there, which fits but cannot be doubled.
    capacity = most / 2 + 1;
    assert_null(array_grow(NULL, &capacity, capacity + 1, sizeof *numbers));
    assert_int_equal(capacity, most / 2 + 1);
}

static void none_above_its_limit(void **state) {
    (void)state;
    size_t capacity = 0;
    uint16_t *numbers = array_grow_within(NULL, &capacity, 70, sizeof *numbers, 100);
    assert_non_null(numbers);
    assert_int_equal(capacity, 70);
    uint16_t *more = array_grow_within(numbers, &capacity, 71, sizeof *numbers, 100);
    assert_non_null(more);
    assert_int_equal(capacity, 100);
    more[99] = 3;
    assert_null(array_grow_within(more, &capacity, 101, sizeof *numbers, 100));
    assert_int_equal(capacity, 100);
    assert_int_equal(more[99], 3);
    free(more);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_one_by_one),  cmocka_unit_test(what_has_room_stays),
        cmocka_unit_test(many_at_once),         cmocka_unit_test(sizes_that_overflow),
        cmocka_unit_test(none_above_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
