// Workers that do what a job's text says, and what is expected of them.
#ifndef PLEURA_TESTS_WORKERS_OBEY_H
#define PLEURA_TESTS_WORKERS_OBEY_H

#include "program/workers/workers.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#undef fail // cmocka has one too

static inline void pause_for(long milliseconds) {
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

static inline size_t open_descriptors(void) {
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

static inline bool answer(struct worker_job *work, const void *bytes, size_t length) {
    void *result = worker_job_result(work, length);
    if (result == NULL) {
        return false;
    }
    memcpy(result, bytes, length);
    return true;
}

// A job's first letter says what to do, a number behind it how much.
static inline bool obey(void *context, struct worker_job *work) {
    const size_t number = strtoul(work->job + (work->length > 0), NULL, 10);
    switch (work->job[0]) {
    case 'a': abort();
    case 's': (void)raise(SIGSEGV); return true;
    case 'x': exit((int)number);
    case 'h':
        for (;;) {
            pause_for(1000);
        }
    case 'w': pause_for((long)number); return answer(work, work->job, work->length);
    case 'b': { // a result of so many bytes
        uint8_t *result = worker_job_result(work, number);
        for (size_t i = 0; result != NULL && i < number; i++) {
            result[i] = (uint8_t)(i * 7 + number);
        }
        return result != NULL;
    }
    case 'm': { // memory; its pages are touched
        char *memory = malloc(number);
        if (memory == NULL) {
            return fail(&work->message, "no memory for %zu bytes", number);
        }
        memset(memory, 1, number);
        const bool kept = memory[number / 2] == 1;
        free(memory);
        return kept;
    }
    case 'n': (void)fail(&work->message, "note %zu", number); return true;
    case 'e': return fail(&work->message, "error %zu", number);
    case 'd': { // descriptors that it sees, and whether it prints
        const int printed = printf("this goes nowhere\n");
        (void)fflush(stdout);
        (void)fail(&work->message, "%zu %d %s", open_descriptors(), printed, (const char *)context);
        return true;
    }
    case 'p': (void)fail(&work->message, "%d", (int)getpid()); return true;
    default: return answer(work, work->job, work->length);
    }
}

static char CONTEXT[] = "context";

static inline struct workers *start(size_t count, double seconds, size_t memory) {
    const struct workers_limits limits = {"decoder", seconds, memory};
    return workers_start(count, limits, obey, CONTEXT);
}

static inline void put(struct workers *workers, const char *job) {
    assert_false(workers_full(workers));
    workers_put(workers, job, strlen(job));
}

static inline void expect(struct workers *workers, const char *job, bool succeeded,
                          const char *says) {
    struct workers_reply reply;
    assert_true(workers_take(workers, &reply));
    assert_string_equal(reply.job, job);
    assert_string_equal(reply.message, says);
    assert_int_equal(reply.succeeded, succeeded);
}

static inline void expect_end(struct workers *workers) {
    struct workers_reply reply;
    assert_false(workers_take(workers, &reply));
    workers_stop(workers);
    // No worker is left, not even as a zombie.
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

#endif
