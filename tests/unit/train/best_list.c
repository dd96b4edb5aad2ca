// best_list: ranks, ties, and what has to go.
#include "train/checkpoint/best_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_best_stay_by_rank(void **state) {
    struct best_list list = {.limit = 3};
    const struct {
        double score;
        bool enters;
        int64_t dropped;
    } evaluations[] = {{0.5, true, 0},  {0.7, true, 0}, {0.5, true, 0}, {0.5, false, 0},
                       {0.4, false, 0}, {0.6, true, 3}, {0.7, true, 1}, {0.7, true, 6},
                       {0.7, false, 0}, {0.9, true, 8}};
    (void)state;
    for (int64_t i = 0; i < 10; i++) {
        int64_t dropped = -1;
        const bool enters =
            best_list_add(&list, (struct ranked){i + 1, evaluations[i].score}, &dropped);
        assert_int_equal(enters, evaluations[i].enters);
        assert_int_equal(dropped, evaluations[i].dropped);
        assert_int_equal(best_list_has(&list, i + 1), enters);
    }
    assert_int_equal(list.count, 3);
    assert_int_equal(list.items[0].iteration, 10);
    assert_int_equal(list.items[1].iteration, 2);
    assert_int_equal(list.items[2].iteration, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_best_stay_by_rank)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
