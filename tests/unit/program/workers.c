// Worker processes: order, crashes, large results, and that nothing of them stays.
#include "workers_obey.h"

#include <fcntl.h>
#include <sys/prctl.h>

static void test_order(void **state) {
    (void)state;
    struct workers *workers = start(3, 60, 0);
    static const char *const jobs[] = {"w150", "w0", "w60", "w1", "w100", "w2"};
    for (size_t i = 0; i < 6; i++) {
        put(workers, jobs[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        struct workers_reply reply;
        assert_true(workers_take(workers, &reply));
        assert_string_equal(reply.job, jobs[i]);
        assert_int_equal(reply.length, strlen(jobs[i]));
        assert_memory_equal(reply.result, jobs[i], reply.length);
    }
    expect_end(workers);
}

static void test_any_bytes(void **state) {
    (void)state;
    struct workers *workers = start(1, 60, 0);
    static const char odd[] = "a name\nwith \0 everything\xFF";
    workers_put(workers, &odd[1], sizeof odd - 2);
    workers_put(workers, "", 0);
    char *large = malloc(WORKERS_MAX_JOB + 1);
    assert_non_null(large);
    memset(large, 'z', WORKERS_MAX_JOB + 1);
    workers_put(workers, large, WORKERS_MAX_JOB);
    workers_put(workers, large, WORKERS_MAX_JOB + 1);
    struct workers_reply reply;
    assert_true(workers_take(workers, &reply));
    assert_int_equal(reply.length, sizeof odd - 2);
    assert_memory_equal(reply.result, &odd[1], reply.length);
    assert_true(workers_take(workers, &reply));
    assert_true(reply.succeeded);
    assert_int_equal(reply.length, 0);
    assert_null(reply.result);
    assert_true(workers_take(workers, &reply));
    assert_int_equal(reply.length, WORKERS_MAX_JOB);
    assert_memory_equal(reply.result, large, WORKERS_MAX_JOB);
    assert_true(workers_take(workers, &reply));
    assert_false(reply.succeeded);
    free(large);
    expect_end(workers);
}

static void test_notes_and_errors(void **state) {
    (void)state;
    struct workers *workers = start(2, 60, 0);
    put(workers, "n1");
    put(workers, "e2");
    put(workers, "z");
    expect(workers, "n1", true, "note 1");
    expect(workers, "e2", false, "error 2");
    expect(workers, "z", true, "");
    expect_end(workers);
}

static void test_crashes(void **state) {
    (void)state;
    for (size_t count = 1; count <= 2; count++) {
        struct workers *workers = start(count, 60, 0);
        static const char *const jobs[] = {"z", "a", "z", "x3", "x0"};
        for (size_t round = 0; round < 3; round++) {
            for (size_t i = 0; i < 5 && !workers_full(workers); i++) {
                put(workers, jobs[i]);
            }
            struct workers_reply reply;
            for (size_t i = 0; workers_take(workers, &reply); i++) {
                assert_string_equal(reply.job, jobs[i]);
                assert_int_equal(reply.succeeded, i % 2 == 0 && i < 4);
                assert_string_equal(reply.message,
                                    i == 1   ? "the decoder crashed (SIGABRT)"
                                    : i == 3 ? "the decoder ended by itself (exit status 3)"
                                    : i == 4 ? "the decoder ended by itself (exit status 0)"
                                             : "");
            }
        }
        expect_end(workers);
    }
}

static void test_death_between_jobs(void **state) {
    (void)state;
    struct workers *workers = start(1, 60, 0);
    for (size_t i = 0; i < 2; i++) {
        put(workers, "p");
        struct workers_reply reply;
        assert_true(workers_take(workers, &reply));
        siginfo_t ended;
        const pid_t worker = atoi(reply.message); // NOLINT(cert-err34-c)
        assert_true(worker > 0);
        assert_int_equal(kill(worker, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t)worker, &ended, WEXITED | WNOWAIT), 0);
        put(workers, "z");
        expect(workers, "z", true, "");
    }
    expect_end(workers);
}

static void test_large_results(void **state) {
    (void)state;
    struct workers *workers = start(2, 60, 0);
    static const size_t sizes[] = {1 << 20, 1, 40000000, 5, 3 << 20, 4096, 20000000, 0};
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 8; i++) {
            char job[32];
            (void)snprintf(job, sizeof job, "b%zu", sizes[i]);
            put(workers, job);
        }
        struct workers_reply reply;
        for (size_t i = 0; workers_take(workers, &reply); i++) {
            assert_true(reply.succeeded);
            assert_int_equal(reply.length, sizes[i]);
            const uint8_t *bytes = reply.result;
            for (size_t j = 0; j < reply.length; j += 997) {
                assert_int_equal(bytes[j], (uint8_t)(j * 7 + sizes[i]));
            }
        }
    }
    put(workers, "b1073741825");
    expect(workers, "b1073741825", false, "no memory for a result of 1073741825 bytes");
    expect_end(workers);
}

static void test_many_small_jobs(void **state) {
    (void)state;
    struct workers *workers = start(2, 60, 0);
    size_t put_count = 0, taken = 0;
    while (taken < 10000) {
        while (put_count < 10000 && !workers_full(workers)) {
            char job[32];
            (void)snprintf(job, sizeof job, "job %zu", put_count++);
            put(workers, job);
        }
        struct workers_reply reply;
        char job[32];
        (void)snprintf(job, sizeof job, "job %zu", taken++);
        assert_true(workers_take(workers, &reply));
        assert_int_equal(reply.length, strlen(job));
        assert_memory_equal(reply.result, job, reply.length);
    }
    expect_end(workers);
}

static void test_isolation(void **state) {
    (void)state;
    const int extra = open("/dev/null", O_RDONLY);
    assert_true(extra >= 0);
    struct workers *workers = start(1, 60, 0);
    put(workers, "d");
    // Three standard ones, orders, results; nothing of the parent's.
    expect(workers, "d", true, "5 18 context");
    expect_end(workers);
    (void)close(extra);
}

static void test_nothing_put(void **state) {
    (void)state;
    expect_end(start(2, 60, 0));
}

static void test_stop_in_the_middle(void **state) {
    (void)state;
    struct workers *workers = start(2, 60, 0);
    put(workers, "h");
    put(workers, "z");
    put(workers, "h");
    workers_stop(workers);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

// A parent that is killed takes its workers along: they come to us, their subreaper, to be buried.
static void test_death_of_the_parent(void **state) {
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    const pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        struct workers *workers = start(2, 60, 0);
        workers_put(workers, "p", 1);
        workers_put(workers, "h", 1);
        struct workers_reply reply;
        const bool taken = workers_take(workers, &reply);
        const int worker = taken ? atoi(reply.message) : 0; // NOLINT(cert-err34-c)
        if (write(pipes[1], &worker, sizeof worker) != sizeof worker) {
            _exit(1);
        }
        pause_for(60000);
        _exit(1);
    }
    int worker = 0;
    assert_int_equal(read(pipes[0], &worker, sizeof worker), sizeof worker);
    assert_true(worker > 0);
    assert_int_equal(kill(worker, 0), 0);
    assert_int_equal(kill(parent, SIGKILL), 0);
    int ended = 0, status = 0;
    for (int i = 0; i < 6000 && waitpid(-1, NULL, WNOHANG) >= 0; i++) {
        pause_for(10);
    }
    ended = waitpid(-1, &status, WNOHANG);
    assert_int_equal(ended, -1);
    assert_int_equal(kill(worker, 0), -1);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 0);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_notes_and_errors),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_death_between_jobs),
        cmocka_unit_test(test_large_results),
        cmocka_unit_test(test_many_small_jobs),
        cmocka_unit_test(test_isolation),
        cmocka_unit_test(test_nothing_put),
        cmocka_unit_test(test_stop_in_the_middle),
        cmocka_unit_test(test_death_of_the_parent),
    };
    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
