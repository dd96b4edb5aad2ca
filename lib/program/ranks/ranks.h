// The processes that train one fold together, its ranks: rank 0, which reads samples and writes
// files, and others, which are connected with rank 0 alone. They are started here on this machine,
// or by mpirun, srun or hand on several.
#ifndef PLEURA_PROGRAM_RANKS_RANKS_H
#define PLEURA_PROGRAM_RANKS_RANKS_H

#include "program/cli/cli.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_RANKS = 64 };

struct ranks_options {
    int64_t count;    // of ranks; 0: not said
    int64_t rank;     // which of them this is; -1: not said
    int64_t local;    // its number among those of its machine, where it was started from elsewhere
    const char *meet; // HOST:PORT, where rank 0 waits for ranks that something else has started;
                      // NULL: they are started here
    bool quiet;
};

// Nothing said: one rank.
struct ranks_options ranks_options_usual(void);

enum { RANKS_ROWS = 3 };

// Rows of the options; returns how many.
size_t ranks_rows(struct ranks_options *options, struct option_row *rows);

// Settles what was not said by what mpirun or srun says, and refuses as wrong usage what cannot be
// meant, more ranks than there are batches for one step of the optimiser among it.
void ranks_settle(struct ranks_options *options, int64_t accumulate);

struct ranks;

// Of settled options: returns in each rank. Before threads are started and files are opened. Ranks
// that are started here keep nothing open but stdout and stderr, and are ended with rank 0. Those
// that meet wait for each other, without an end; `agreement` is a text that all must have.
// Ends the program where that fails.
struct ranks *ranks_open(const struct ranks_options *options, const char *agreement);

size_t ranks_count(const struct ranks *ranks);
size_t ranks_own(const struct ranks *ranks); // this one's number

// The device by its name: "cuda" is a GPU a rank, the one of its number among those of its machine.
const char *ranks_device(struct ranks *ranks, const char *device);

// Between rank 0 (`other` is the other's number) and another one (`other` is 0). Both wait until
// all bytes are on their way, or there; and end the program, in words, where the other has ended.
void ranks_send(struct ranks *ranks, size_t other, const void *bytes, size_t count);
void ranks_receive(struct ranks *ranks, size_t other, void *bytes, size_t count);

// What need not arrive, as the other may have ended.
void ranks_send_last(struct ranks *ranks, size_t other, const void *bytes, size_t count);
void ranks_receive_last(struct ranks *ranks, size_t other, void *bytes, size_t count);

// When all is done: rank 0 waits for those that it has started.
void ranks_close(struct ranks *ranks);

#endif
