// Worker processes: limits of time and memory.
#include "workers_obey.h"

#include "core/clock.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

// In place of the library's: this file's clock, in milliseconds, in memory that the workers share.
// It goes on where a test says so, so that no test depends on how long the machine takes.
static atomic_long *now;

double clock_seconds(void) {
    return 1e-3 * (double)atomic_load(now);
}

double clock_wall_seconds(void) {
    return clock_seconds();
}

static int start_clock(void **state) {
    (void)state;
    now = mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return now != MAP_FAILED ? 0 : -1;
}

// `t` and a number: a job that takes so many milliseconds. The workers' parent gets to see its
// answer before the next one's, as a rule.
static bool take_time(void *context, struct worker_job *work) {
    const bool timed = work->length > 0 && work->job[0] == 't';
    const bool hangs = work->length > 0 && work->job[0] == 'h';
    if (timed || hangs) {
        (void)atomic_fetch_add(now, hangs ? 1100 : strtol(work->job + 1, NULL, 10));
    }
    if (timed) {
        pause_for(10);
        return answer(work, work->job, work->length);
    }
    return obey(context, work);
}

static void test_hang(void **state) {
    (void)state;
    const struct workers_limits limits = {"decoder", 1, 0};
    struct workers *workers = workers_start(1, limits, take_time, CONTEXT);
    put(workers, "h");
    put(workers, "z");
    expect(workers, "h", false, "took longer than 1 s");
    expect(workers, "z", true, "");
    // An idle worker has all the time in the world, and a job's time starts with the job.
    (void)atomic_fetch_add(now, 1100);
    for (size_t i = 0; i < 3; i++) {
        put(workers, "t400");
    }
    expect(workers, "t400", true, "");
    put(workers, "t400");
    for (size_t i = 0; i < 3; i++) {
        expect(workers, "t400", true, "");
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
    return cmocka_run_group_tests_name("workers_limits", tests, start_clock, NULL);
}
