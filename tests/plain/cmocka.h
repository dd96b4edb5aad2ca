// As much of cmocka as the device's tests need, for machines without it: TAP lines, a failed test
// goes on with the next.
#ifndef PLEURA_TESTS_PLAIN_CMOCKA_H
#define PLEURA_TESTS_PLAIN_CMOCKA_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
};
#define cmocka_unit_test(test)                                                                     \
    { #test, test }

static jmp_buf cmocka_next;

#define fail_msg(...)                                                                              \
    (printf("# %s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), puts(""),                       \
     longjmp(cmocka_next, 1))
#define assert_true(fact) ((fact) ? (void)0 : fail_msg("not so: %s", #fact))
#define assert_false(fact) assert_true(!(fact))
#define assert_non_null(address) assert_true((address) != NULL)
#define assert_int_equal(a, b) assert_true((intmax_t)(a) == (intmax_t)(b))
#define assert_memory_equal(a, b, bytes) assert_true(memcmp((a), (b), (bytes)) == 0)

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cmocka_run((tests), sizeof(tests) / sizeof *(tests))

static inline int cmocka_run(const struct CMUnitTest *tests, size_t count) {
    static int failed; // static: its value outlives longjmp
    static size_t i;
    printf("1..%zu\n", count);
    for (i = 0; i < count; i++) {
        void *state = NULL;
        if (setjmp(cmocka_next) == 0) {
            tests[i].test(&state);
            printf("ok %zu - %s\n", i + 1, tests[i].name);
        } else {
            printf("not ok %zu - %s\n", i + 1, tests[i].name);
            failed++;
        }
        (void)fflush(stdout);
    }
    return failed;
}

#endif
