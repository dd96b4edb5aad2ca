// The parent of worker processes: a ring of jobs (a slot each) that are put at the head,
// handed to the worker with the least to do, and taken from the tail in order. A worker has at most
// two jobs: the one it is at, and one that waits in its socket so that it never idles.
#include "program/workers/workers.h"

#include "core/clock.h"
#include "program/die.h"
#include "program/workers/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUEUE = 2, SLOTS_PER_WORKER = 4 };

// Results above this, and what a failed job may have left, go back to the system at once.
#define KEPT_RESULT ((size_t)16 << 20)

struct worker_slot {
    char *job;
    size_t job_length;
    bool done;
    struct worker_answer answer;
    void *map; // the result, as far as it has been mapped
    size_t mapped;
};

struct worker {
    pid_t process; // 0: none
    int socket;
    size_t queue[QUEUE]; // slots; the first is the job it is at
    size_t queued;
    double deadline;
};

struct workers {
    struct workers_limits limits;
    worker_function *work;
    void *context;
    int memory;                          // every slot has WORKERS_MAX_RESULT of it
    size_t count, depth;                 // workers, slots
    size_t put, handed, taken, released; // counts since the start; slot = count % depth
    struct worker_slot *slots;
    struct worker *worker;
    struct pollfd *polls; // one a worker, and one more
};

static void finish(struct worker_slot *slot, const struct worker_answer *answer) {
    slot->answer = *answer;
    slot->done = true;
}

static void finish_with_error(struct worker_slot *slot, const char *message) {
    struct worker_answer answer = {.succeeded = false};
    (void)fail(&answer.message, "%s", message);
    finish(slot, &answer);
}

// ---- processes

static void start(struct workers *workers, struct worker *worker) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        die("cannot start a %s process: %s", workers->limits.what, strerror(errno));
    }
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process < 0) {
        die("cannot start a %s process: %s", workers->limits.what, strerror(errno));
    }
    if (process == 0) {
        worker_process(ends[1], workers->memory, parent, workers->limits.memory, workers->work,
                       workers->context);
    }
    (void)close(ends[1]);
    worker->process = process;
    worker->socket = ends[0];
}

// Ends a worker if it has not ended yet, and returns its wait status.
static int end_worker(struct worker *worker) {
    int status = 0;
    (void)kill(worker->process, SIGKILL); // it may have closed its socket and live on
    while (waitpid(worker->process, &status, 0) < 0 && errno == EINTR) {
    }
    (void)close(worker->socket);
    worker->process = 0;
    return status;
}

static bool send_job(const struct worker *worker, size_t index, const struct worker_slot *slot) {
    struct iovec pieces[] = {{&index, sizeof index}, {slot->job, slot->job_length}};
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    ssize_t sent = -1;
    do {
        sent = sendmsg(worker->socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static void hand(struct workers *workers, struct worker *worker, size_t index) {
    if (worker->queued == 0) {
        worker->deadline = clock_seconds() + workers->limits.seconds;
    }
    const struct worker_slot *slot = &workers->slots[index];
    // A worker that has died idle is replaced; of one that died at a job, or died at once, poll
    // will tell.
    if (worker->process != 0 && !send_job(worker, index, slot) && worker->queued == 0) {
        (void)end_worker(worker);
    }
    if (worker->process == 0) {
        start(workers, worker);
        (void)send_job(worker, index, slot);
    }
    worker->queue[worker->queued++] = index;
}

// Ends a worker and answers the job it was at with `why`, or with how it ended where that is
// NULL; a job that only waited goes to a new worker.
static void replace(struct workers *workers, struct worker *worker, const char *why) {
    const int status = end_worker(worker);
    struct error ended;
    if (why != NULL) {
        (void)fail(&ended, "%s", why);
    } else if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        (void)fail(&ended, "the %s crashed (SIG%s)", workers->limits.what, name ? name : "?");
        const size_t outer_limit = worker_outer_limit(workers->limits.memory);
        if (outer_limit > 0) { // it may have crashed for want of memory
            (void)worker_blame_limit(outer_limit, &ended);
        }
    } else {
        (void)fail(&ended, "the %s ended by itself (exit status %d)", workers->limits.what,
                   WEXITSTATUS(status));
    }
    const size_t queued = worker->queued;
    worker->queued = 0;
    if (queued > 0) {
        finish_with_error(&workers->slots[worker->queue[0]], ended.text);
    }
    if (queued > 1) {
        hand(workers, worker, worker->queue[1]);
    }
}

// Reads what a worker has answered.
static void receive(struct workers *workers, struct worker *worker) {
    struct worker_answer answer;
    for (;;) {
        const ssize_t got = recv(worker->socket, &answer, sizeof answer, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            replace(workers, worker, NULL);
            return;
        }
        if (got != sizeof answer || worker->queued == 0 || answer.slot != worker->queue[0] ||
            answer.length > WORKERS_MAX_RESULT) {
            replace(workers, worker, "the worker's answer makes no sense");
            return;
        }
        answer.message.text[sizeof answer.message.text - 1] = '\0';
        finish(&workers->slots[answer.slot], &answer);
        worker->queue[0] = worker->queue[1];
        worker->queued--;
        worker->deadline = clock_seconds() + workers->limits.seconds;
    }
}

// ---- the ring

static void hand_out(struct workers *workers) {
    for (; workers->handed < workers->put; workers->handed++) {
        const size_t index = workers->handed % workers->depth;
        if (workers->slots[index].done) {
            continue;
        }
        struct worker *idlest = &workers->worker[0];
        for (size_t i = 1; i < workers->count; i++) {
            if (workers->worker[i].queued < idlest->queued) {
                idlest = &workers->worker[i];
            }
        }
        if (idlest->queued == QUEUE) {
            return;
        }
        hand(workers, idlest, index);
    }
}

// How long poll may wait before the first deadline, in milliseconds; -1: for ever.
static int time_left(const struct workers *workers) {
    double first = -1;
    for (size_t i = 0; i < workers->count; i++) {
        const struct worker *worker = &workers->worker[i];
        if (worker->queued > 0 && (first < 0 || worker->deadline < first)) {
            first = worker->deadline;
        }
    }
    if (workers->limits.seconds <= 0 || first < 0) {
        return -1;
    }
    const double left = first - clock_seconds();
    return left <= 0 ? 0 : left > 1e6 ? 1000000000 : (int)(1000 * left) + 1;
}

// Takes in answers and keeps the time limit. With `wait` it waits for an answer, or for
// `descriptor` (-1: none) to become readable; true when that is so.
static bool take_answers(struct workers *workers, bool wait, int descriptor) {
    struct pollfd *other = &workers->polls[workers->count];
    for (size_t i = 0; i < workers->count; i++) {
        const struct worker *worker = &workers->worker[i];
        workers->polls[i] =
            (struct pollfd){.fd = worker->process == 0 ? -1 : worker->socket, .events = POLLIN};
    }
    *other = (struct pollfd){.fd = descriptor, .events = POLLIN};
    const int ready = poll(workers->polls, workers->count + 1, wait ? time_left(workers) : 0);
    const bool readable = ready > 0 && other->revents != 0;
    for (size_t i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->worker[i];
        if (ready > 0 && workers->polls[i].revents != 0) {
            receive(workers, worker);
        }
        if (worker->queued > 0 && workers->limits.seconds > 0 &&
            clock_seconds() > worker->deadline) {
            struct error late;
            (void)fail(&late, "took longer than %g s", workers->limits.seconds);
            replace(workers, worker, late.text);
        }
    }
    hand_out(workers);
    return readable;
}

struct workers *workers_start(size_t count, struct workers_limits limits, worker_function *work,
                              void *context) {
    struct workers *workers = calloc(1, sizeof *workers);
    const size_t depth = SLOTS_PER_WORKER * count + 1; // one is with the caller
    if (count == 0 || workers == NULL ||
        (workers->worker = calloc(count, sizeof *workers->worker)) == NULL ||
        (workers->slots = calloc(depth, sizeof *workers->slots)) == NULL ||
        (workers->polls = calloc(count + 1, sizeof *workers->polls)) == NULL) {
        die("no memory for %zu %s processes", count, limits.what);
    }
    workers->limits = limits;
    workers->work = work;
    workers->context = context;
    workers->count = count;
    workers->depth = depth;
    // Sparse: only what is written takes memory. Sealed, so that a worker that misbehaves cannot
    // take away pages that the parent is reading.
    workers->memory = memfd_create("results", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (workers->memory < 0 ||
        ftruncate(workers->memory, (off_t)(depth * WORKERS_MAX_RESULT)) != 0 ||
        fcntl(workers->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        die("no shared memory for %zu %s processes: %s", count, limits.what, strerror(errno));
    }
    return workers;
}

bool workers_full(const struct workers *workers) {
    return workers->put - workers->released == workers->depth - 1;
}

void workers_put(struct workers *workers, const void *job, size_t length) {
    struct worker_slot *slot = &workers->slots[workers->put++ % workers->depth];
    slot->job = malloc(length + 1);
    if (slot->job == NULL) {
        die("no memory for a job of %zu bytes", length);
    }
    memcpy(slot->job, job, length);
    slot->job[length] = '\0';
    slot->job_length = length;
    slot->done = false;
    if (length > WORKERS_MAX_JOB) {
        finish_with_error(slot, "the name is too long");
    }
    hand_out(workers);
}

// The slot of the reply that the caller has had is free again.
static void release(struct workers *workers) {
    for (; workers->released < workers->taken; workers->released++) {
        const size_t index = workers->released % workers->depth;
        struct worker_slot *slot = &workers->slots[index];
        free(slot->job);
        slot->job = NULL;
        if (slot->mapped > KEPT_RESULT || !slot->answer.succeeded) {
            if (slot->mapped > 0) {
                (void)munmap(slot->map, slot->mapped);
            }
            slot->map = NULL;
            slot->mapped = 0;
            (void)fallocate(workers->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            (off_t)(index * WORKERS_MAX_RESULT), (off_t)WORKERS_MAX_RESULT);
        }
    }
}

static const void *map_result(struct workers *workers, size_t index) {
    struct worker_slot *slot = &workers->slots[index];
    if (slot->answer.length > slot->mapped) {
        if (slot->mapped > 0) {
            (void)munmap(slot->map, slot->mapped);
        }
        slot->mapped = 0;
        slot->map = mmap(NULL, slot->answer.length, PROT_READ, MAP_SHARED, workers->memory,
                         (off_t)(index * WORKERS_MAX_RESULT));
        if (slot->map == MAP_FAILED) {
            die("no memory for a result of %zu bytes", slot->answer.length);
        }
        slot->mapped = slot->answer.length;
    }
    return slot->map;
}

bool workers_wait(struct workers *workers, int descriptor) {
    const struct worker_slot *oldest = &workers->slots[workers->taken % workers->depth];
    const bool none = workers->taken == workers->put;
    bool readable = none && descriptor < 0;
    (void)take_answers(workers, false, -1); // what has finished meanwhile frees slots
    while (!readable && (none || !oldest->done)) {
        readable = take_answers(workers, true, descriptor);
    }
    return !none && oldest->done;
}

bool workers_take(struct workers *workers, struct workers_reply *reply) {
    release(workers);
    if (workers->taken == workers->put) {
        return false;
    }
    const size_t index = workers->taken % workers->depth;
    const struct worker_slot *slot = &workers->slots[index];
    (void)workers_wait(workers, -1);
    workers->taken++;
    *reply = (struct workers_reply){
        .succeeded = slot->answer.succeeded,
        .job = slot->job,
        .job_length = slot->job_length,
        .result = slot->answer.length > 0 ? map_result(workers, index) : NULL,
        .length = slot->answer.length,
        .message = slot->answer.message.text,
    };
    return true;
}

void workers_stop(struct workers *workers) {
    for (size_t i = 0; i < workers->count; i++) {
        if (workers->worker[i].process != 0) {
            (void)end_worker(&workers->worker[i]);
        }
    }
    workers->taken = workers->put;
    release(workers);
    for (size_t i = 0; i < workers->depth; i++) {
        if (workers->slots[i].mapped > 0) {
            (void)munmap(workers->slots[i].map, workers->slots[i].mapped);
        }
    }
    (void)close(workers->memory);
    free(workers->polls);
    free(workers->slots);
    free(workers->worker);
    free(workers);
}
