// A worker process: the orders that it takes and the answers that it gives.
#ifndef PLEURA_PROGRAM_WORKERS_PROCESS_H
#define PLEURA_PROGRAM_WORKERS_PROCESS_H

#include "program/workers/job.h"

#include <sys/types.h>

// An order is one packet: the slot's number (size_t), then the job's text. The answer is this
// packet; the result lies in the shared memory, from slot * WORKERS_MAX_RESULT on.
struct worker_answer {
    size_t slot;
    size_t length; // of the result
    bool succeeded;
    struct error message;
};

// The limit of the address space that this process was started with (ulimit -v), in bytes, where it
// is smaller than what a worker may take with `memory` bytes above what this process has (0: no
// limit); 0 where it is not.
size_t worker_outer_limit(size_t memory);

// Puts in front of what failed that there is such a limit. Always false.
bool worker_blame_limit(size_t limit, struct error *error);

// The life of a worker after the fork: cuts itself off from what it has inherited, then answers
// the orders that come by `socket` until its end is closed. `memory`: the
// bytes that it may take above what it starts with; 0: no limit.
__attribute__((noreturn)) void worker_process(int socket, int results, pid_t parent, size_t memory,
                                              worker_function *work, void *context);

#endif
