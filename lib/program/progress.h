// Count, rate and time left on stderr, when a person looks at it.
#ifndef PLEURA_PROGRAM_PROGRESS_H
#define PLEURA_PROGRAM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *unit; // "images"
    uint64_t done, total;
    double started, shown; // seconds
    bool visible;
};

// total 0: not known. Silent when quiet or when stderr is no terminal.
struct progress progress_start(const char *unit, uint64_t total, bool quiet);
void progress_step(struct progress *progress);
void progress_end(struct progress *progress);

#endif
