// The life of a worker process: cut off, limited, answering orders.
#include "program/workers/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#endif

// What a worker keeps open.
enum { ORDERS = 3, RESULTS = 4, FIRST_CLOSED = 5 };

static void close_the_rest(void) {
    if (close_range(FIRST_CLOSED, ~0U, 0) == 0) {
        return;
    }
    const long most = sysconf(_SC_OPEN_MAX); // a kernel before 5.9
    for (int i = FIRST_CLOSED; i < most; i++) {
        (void)close(i);
    }
}

// False when something that keeps the worker apart could not be had.
static bool cut_off(int socket, int results, pid_t parent) {
    // Dies with the parent; which may have died before this line.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        return false;
    }
    const int orders = fcntl(socket, F_DUPFD, FIRST_CLOSED);
    const int shared = fcntl(results, F_DUPFD, FIRST_CLOSED);
    if (dup2(orders, ORDERS) < 0 || dup2(shared, RESULTS) < 0) {
        return false;
    }
    const int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0) {
        return false;
    }
    close_the_rest();
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) == 0;
}

// The address space that a worker may have which may take `memory` above what this process has.
static rlim_t address_space_limit(size_t memory) {
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%zu", &pages) != 1) { // NOLINT(cert-err34-c): the kernel's number
            pages = 0;
        }
        (void)fclose(file);
    }
    return memory == 0 ? RLIM_INFINITY
                       : (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (rlim_t)memory;
}

size_t worker_outer_limit(size_t memory) {
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < address_space_limit(memory)
               ? (size_t)limit.rlim_cur
               : 0;
}

bool worker_blame_limit(size_t limit, struct error *error) {
    return fail_within(error, "with %zu MiB of address space (ulimit -v)", limit >> 20);
}

// The smaller limit holds, ours or what there is: a hard limit cannot be raised, and a soft one was
// set by somebody for a reason.
static bool limit_memory(size_t memory) {
#ifdef ADDRESS_SANITIZER
    (void)memory;
    return true;
#else
    const rlim_t most = address_space_limit(memory);
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0) {
        return false;
    }
    limit.rlim_cur = limit.rlim_cur < most ? limit.rlim_cur : most;
    limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;
    return setrlimit(RLIMIT_AS, &limit) == 0;
#endif
}

void worker_process(int socket, int results, pid_t parent, size_t memory, worker_function *work,
                    void *context) {
    struct {
        size_t slot;
        char job[WORKERS_MAX_JOB + 1];
    } *order = malloc(sizeof *order);
    const size_t outer_limit = worker_outer_limit(memory);
    if (order == NULL || !cut_off(socket, results, parent) || !limit_memory(memory)) {
        _exit(1);
    }
    struct worker_results shared = {.descriptor = RESULTS};
    for (;;) {
        const ssize_t got = recv(ORDERS, order, sizeof order->slot + WORKERS_MAX_JOB, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < (ssize_t)sizeof order->slot) {
            _exit(0);
        }
        const size_t length = (size_t)got - sizeof order->slot;
        order->job[length] = '\0';
        shared.slot = order->slot;
        shared.length = 0;
        struct worker_job job = {.job = order->job, .length = length, .results = &shared};
        struct worker_answer answer = {.slot = order->slot};
        errno = 0;
        answer.succeeded = work(context, &job);
        if (!answer.succeeded && errno == ENOMEM && outer_limit > 0) {
            (void)worker_blame_limit(outer_limit, &job.message);
        }
        answer.length = answer.succeeded ? shared.length : 0;
        answer.message = job.message;
        if (send(ORDERS, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer) {
            _exit(1);
        }
    }
}
