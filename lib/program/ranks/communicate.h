// The communicator of the ranks' devices, one a process, where there can be one.
#ifndef PLEURA_PROGRAM_RANKS_COMMUNICATE_H
#define PLEURA_PROGRAM_RANKS_COMMUNICATE_H

#include "backend/communicator.h"
#include "program/ranks/ranks.h"

// In each rank: opens it, where all ranks can; it is closed however the program ends. NULL in each
// rank where one cannot; rank 0 says on stderr which it is, and why, unless `quiet`.
// Ends the program where a rank has ended.
struct communicator *communicate_open(struct ranks *ranks, struct backend *backend, bool quiet);

// Waits for what was begun. Ends the program where that fails, or a rank has ended.
void communicate_wait(struct ranks *ranks);

// In each rank: closes it when nothing of any rank is under way any more, or ranks have ended.
void communicate_close(struct ranks *ranks);

#endif
