// One job inside a worker process, and the shared memory that its result goes to.
#ifndef PLEURA_PROGRAM_WORKERS_JOB_H
#define PLEURA_PROGRAM_WORKERS_JOB_H

#include "core/error.h"

#include <stddef.h>

// The longest job text and the largest result, in bytes.
#define WORKERS_MAX_JOB ((size_t)1 << 16)
#define WORKERS_MAX_RESULT ((size_t)1 << 30)

// A worker's view of the memory of results, of which each slot has WORKERS_MAX_RESULT bytes: one
// mapping a slot that is kept, so that pages are faulted once. Starts as zeros but for
// `descriptor`.
struct worker_results {
    int descriptor;      // of the memory
    size_t slot, length; // of the present job, and of its result in bytes
    struct result_mapping *mappings;
    size_t capacity;
};

struct worker_job {
    const char *job; // what workers_put was given, with a NUL behind it
    size_t length;
    struct error message; // to fill: what is wrong, or (where the job succeeds) what a person
                          // should be told; empty for nothing
    struct worker_results *results;
};

// Memory for the job's result that the parent sees without a copy; its bytes are not cleared. NULL
// (and job->message filled) above WORKERS_MAX_RESULT or without memory. The last call counts.
void *worker_job_result(struct worker_job *job, size_t length);

// Does one job in a worker process: true when it succeeded, otherwise job->message tells why not.
typedef bool worker_function(void *context, struct worker_job *job);

#endif
