// Worker processes: jobs whose code may crash, hang or eat memory, done in order and on many cores.
#ifndef PLEURA_PROGRAM_WORKERS_WORKERS_H
#define PLEURA_PROGRAM_WORKERS_WORKERS_H

#include "program/workers/job.h"

struct workers_limits {
    const char *what; // how messages call a worker: "decoder"
    double seconds;   // a job's longest time; 0: no limit
    size_t memory;    // bytes that a worker may take above what it starts with; 0: no limit. A
                      // smaller limit of the address space that is there (ulimit -v) stays.
                      // Not kept under AddressSanitizer, which reserves terabytes
};

// An answer, in the order of the jobs. Everything in it stays until the next workers_take.
struct workers_reply {
    bool succeeded;
    const char *job; // NUL-terminated
    size_t job_length;
    const void *result; // what the worker wrote to worker_job_result; NULL where it asked for none
    size_t length;
    const char *message; // what is wrong, or what a person should be told; "" for nothing
};

struct workers;

// Prepares `count` worker processes (at least 1); each starts when the first job for it comes. A
// worker that crashes, ends, or breaks a limit costs the job it was at, whose reply says so ("the
// decoder crashed (SIGABRT)"), and another takes its place. Workers have /dev/null for the three
// standard descriptors and no other of the parent's, leave no core file, and die with the thread
// that started them. `context` is seen as it was when a worker started. Ends the program where
// processes or memory cannot be had.
struct workers *workers_start(size_t count, struct workers_limits limits, worker_function *work,
                              void *context);

// True when so many jobs are under way that one must be taken before the next is put.
bool workers_full(const struct workers *workers);

// Hands over a copy of a job's text, any bytes; the workers must not be full. A text above
// WORKERS_MAX_JOB is answered with an error.
void workers_put(struct workers *workers, const void *job, size_t length);

// Waits until the oldest job is done, or `descriptor` can be read (-1: only the former). True when
// it is done, so that workers_take need not wait. False at once when no job is under way and there
// is no descriptor.
bool workers_wait(struct workers *workers, int descriptor);

// Waits for the oldest job's reply; false when none is under way.
bool workers_take(struct workers *workers, struct workers_reply *reply);

// Ends the processes, jobs under way included, and frees everything.
void workers_stop(struct workers *workers);

#endif
