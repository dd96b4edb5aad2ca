// What the files of this folder share.
#ifndef PLEURA_PROGRAM_RANKS_OWN_H
#define PLEURA_PROGRAM_RANKS_OWN_H

#include "program/ranks/ranks.h"

#include <sys/types.h>

struct ranks {
    size_t count, own;
    size_t local;              // this rank's number among those of its machine
    bool started;              // by rank 0, which says what happens
    int sockets[MAX_RANKS];    // by the other's number
    pid_t children[MAX_RANKS]; // of rank 0, by their number; 0: not started by it
    char device[32];
};

// Waits a moment for a rank that has ended or, with `speaking`, has something to be received;
// returns its number, or ranks->count.
size_t ranks_look(const struct ranks *ranks, bool speaking);

// Ends this rank because another one has ended; `error`: 0, or what the system says of it.
__attribute__((noreturn)) void ranks_lose(struct ranks *ranks, size_t other, int error);

// Starts the others on this machine; returns in each.
void ranks_spawn(struct ranks *ranks);

// Connects ranks that something else has started, at HOST:PORT.
void ranks_meet(struct ranks *ranks, const struct ranks_options *options, const char *agreement);

#endif
