// A part of a test in a process of its own, for what ends the program.
#ifndef PLEURA_TESTS_CHILD_H
#define PLEURA_TESTS_CHILD_H

#include "core/error.h" // before cmocka, which has a macro called fail

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// cmocka wants some of the above first.
#include <cmocka.h>

struct child {
    int status; // of its exit, or minus the signal's number
    char out[16000], err[4000];
};

static inline void read_to_end(int descriptor, char *text, size_t size) {
    size_t used = 0;
    for (ssize_t got = 1; got > 0 && used < size - 1; used += (size_t)got) {
        got = read(descriptor, text + used, size - 1 - used);
        assert_true(got >= 0);
    }
    text[used] = 0;
    (void)close(descriptor);
}

// Runs body(argument) and then exit(0) in a process of its own.
static inline struct child run_child(void (*body)(void *), void *argument) {
    struct child child;
    int out[2];
    int err[2];
    int status = 0;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    (void)fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(err[1], STDERR_FILENO);
        body(argument);
        exit(0);
    }
    (void)close(out[1]);
    (void)close(err[1]);
    read_to_end(out[0], child.out, sizeof child.out);
    read_to_end(err[0], child.err, sizeof child.err);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    child.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return child;
}

#endif
