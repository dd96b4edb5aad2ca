// Threads that work on jobs: order, limits, and threads that cannot be had.
#include "core/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { JOBS = 200, DEPTH = 6 };

// Later jobs are the shorter ones.
static void square(void *context, void *job) {
    int *number = job;
    (void)usleep((useconds_t)(*(const int *)context - *number));
    *number *= *number;
}

static void jobs_come_back_in_their_order(void **state) {
    (void)state;
    int longest = JOBS;
    int numbers[JOBS];
    struct error error;
    struct pool *pool = pool_start(3, DEPTH, square, &longest, &error);
    assert_non_null(pool);
    assert_null(pool_take(pool));
    int put = 0;
    for (int taken = 0; taken < JOBS; taken++) {
        for (; put < JOBS && !pool_full(pool); put++) {
            numbers[put] = put;
            pool_put(pool, &numbers[put]);
        }
        assert_true(put - taken <= DEPTH);
        const int *job = pool_take(pool);
        assert_ptr_equal(job, &numbers[taken]);
        assert_int_equal(*job, taken * taken);
    }
    assert_null(pool_take(pool));
    pool_stop(pool);
}

#ifndef __SANITIZE_ADDRESS__ // which reserves terabytes
static void threads_that_cannot_be_had(void **state) {
    (void)state;
    struct error error = {""};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    const struct rlimit little = {(rlim_t)1 << 30, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
    int longest = 0;
    struct pool *pool = pool_start(100000, DEPTH, square, &longest, &error);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_null(pool);
    assert_string_equal(error.text, "cannot start 100000 threads: ask for fewer with --threads");
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_back_in_their_order),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(threads_that_cannot_be_had),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
