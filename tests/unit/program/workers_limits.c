// Worker processes: limits of time and memory.
#include "workers_obey.h"

#include <sys/resource.h>

static void test_hang(void **state) {
    (void)state;
    struct workers *workers = start(1, 1, 0);
    put(workers, "h");
    put(workers, "z");
    expect(workers, "h", false, "took longer than 1 s");
    expect(workers, "z", true, "");
    // An idle worker has all the time in the world, and a job's time starts with the job.
    pause_for(1100);
    for (size_t i = 0; i < 3; i++) {
        put(workers, "w400");
    }
    for (size_t i = 0; i < 3; i++) {
        expect(workers, "w400", true, "");
    }
    expect_end(workers);
}

static void test_memory_limit(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip();
#else
    struct workers *workers = start(1, 60, (size_t)64 << 20);
    put(workers, "m16777216");
    put(workers, "m100000000");
    put(workers, "m16777216");
    expect(workers, "m16777216", true, "");
    expect(workers, "m100000000", false, "no memory for 100000000 bytes");
    expect(workers, "m16777216", true, "");
    expect_end(workers);
#endif
}

// A limit that is there already: the smaller one holds, and what fails for want of memory says so.
static void test_limit_from_outside(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip();
#else
    static const size_t own[] = {0, (size_t)16 << 30, (size_t)128 << 20};
    static const char says[] = "with 1024 MiB of address space (ulimit -v): ";
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    const struct rlimit limit = {(rlim_t)1 << 30, before.rlim_max};
    for (size_t i = 0; i < 3; i++) {
        struct workers *workers = start(1, 60, own[i]);
        char wanted[128];
        const bool outer = own[i] == 0 || own[i] > limit.rlim_cur;
        assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
        put(workers, "m16777216");
        put(workers, "m2000000000");
        put(workers, "e1");
        put(workers, "a");
        expect(workers, "m16777216", true, "");
        (void)snprintf(wanted, sizeof wanted, "%sno memory for 2000000000 bytes",
                       outer ? says : "");
        expect(workers, "m2000000000", false, wanted);
        expect(workers, "e1", false, "error 1"); // has nothing to do with it
        (void)snprintf(wanted, sizeof wanted, "%sthe decoder crashed (SIGABRT)", outer ? says : "");
        expect(workers, "a", false, wanted);
        assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
        expect_end(workers);
    }
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_limit_from_outside),
    };
    return cmocka_run_group_tests_name("workers_limits", tests, NULL, NULL);
}
