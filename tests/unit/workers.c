// Worker processes: order, crashes, hangs, limits, large results, and that nothing of them stays.
#include "core/workers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#undef fail // cmocka has one too

static void pause_for(long milliseconds) {
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

static size_t open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    while (directory != NULL && readdir(directory) != NULL) {
        count++;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return count - 3; // . and .. and the directory itself
}

static bool answer(struct work *work, const void *bytes, size_t length) {
    void *result = work_result(work, length);
    if (result == NULL) {
        return false;
    }
    memcpy(result, bytes, length);
    return true;
}

// A job's first letter says what to do, a number behind it how much.
static bool obey(void *context, struct work *work) {
    const size_t number = strtoul(work->job + (work->length > 0), NULL, 10);
    switch (work->job[0]) {
    case 'a': abort();
    case 's': (void)raise(SIGSEGV); return true;
    case 'x': exit((int)number);
    case 'h':
        for (;;) {
            pause_for(1000);
        }
    case 'k': // dies when it has answered
        if (fork() == 0) {
            (void)close_range(3, ~0U, 0); // the worker's socket ends with the worker alone
            pause_for(50);
            (void)kill(getppid(), SIGKILL);
            _exit(0);
        }
        (void)fail(&work->says, "%d", (int)getpid());
        return true;
    case 'w': pause_for((long)number); return answer(work, work->job, work->length);
    case 'b': { // a result of so many bytes
        uint8_t *result = work_result(work, number);
        for (size_t i = 0; result != NULL && i < number; i++) {
            result[i] = (uint8_t)(i * 7 + number);
        }
        return result != NULL;
    }
    case 'm': { // memory; its pages are touched
        char *memory = malloc(number);
        if (memory == NULL) {
            return fail(&work->says, "no memory for %zu bytes", number);
        }
        memset(memory, 1, number);
        const bool kept = memory[number / 2] == 1;
        free(memory);
        return kept;
    }
    case 'n': (void)fail(&work->says, "note %zu", number); return true;
    case 'e': return fail(&work->says, "error %zu", number);
    case 'd': { // descriptors that it sees, and whether it prints
        const int printed = printf("this goes nowhere\n");
        (void)fflush(stdout);
        (void)fail(&work->says, "%zu %d %s", open_descriptors(), printed, (const char *)context);
        return true;
    }
    case 'p': (void)fail(&work->says, "%d", (int)getpid()); return true;
    default: return answer(work, work->job, work->length);
    }
}

static char CONTEXT[] = "context";

static struct workers *start(size_t count, double seconds, size_t memory) {
    const struct workers_limits limits = {"decoder", seconds, memory};
    return workers_start(count, limits, obey, CONTEXT);
}

static void put(struct workers *workers, const char *job) {
    assert_false(workers_full(workers));
    workers_put(workers, job, strlen(job));
}

static void expect(struct workers *workers, const char *job, bool succeeded, const char *says) {
    struct workers_reply reply;
    assert_true(workers_take(workers, &reply));
    assert_string_equal(reply.job, job);
    assert_string_equal(reply.says, says);
    assert_int_equal(reply.succeeded, succeeded);
}

static void expect_end(struct workers *workers) {
    struct workers_reply reply;
    assert_false(workers_take(workers, &reply));
    workers_stop(workers);
    // No worker is left, not even as a zombie.
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

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
                assert_string_equal(reply.says,
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
        put(workers, "k");
        struct workers_reply reply;
        assert_true(workers_take(workers, &reply));
        siginfo_t ended;
        const id_t worker = (id_t)strtoul(reply.says, NULL, 10);
        assert_int_equal(waitid(P_PID, worker, &ended, WEXITED | WNOWAIT), 0);
        put(workers, "z");
        expect(workers, "z", true, "");
    }
    expect_end(workers);
}

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
        const int worker = taken ? atoi(reply.says) : 0; // NOLINT(cert-err34-c)
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
    for (int i = 0; i < 200 && waitpid(-1, NULL, WNOHANG) >= 0; i++) {
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
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_large_results),
        cmocka_unit_test(test_many_small_jobs),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_limit_from_outside),
        cmocka_unit_test(test_isolation),
        cmocka_unit_test(test_nothing_put),
        cmocka_unit_test(test_stop_in_the_middle),
        cmocka_unit_test(test_death_of_the_parent),
    };
    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
