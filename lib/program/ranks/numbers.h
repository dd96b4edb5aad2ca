// Numbers in devices' memories, from rank 0 to the others and back: by a communicator, straight
// from device to device, or by way of the host's memory and the ranks' sockets.
#ifndef PLEURA_PROGRAM_RANKS_NUMBERS_H
#define PLEURA_PROGRAM_RANKS_NUMBERS_H

#include "backend/communicator.h"
#include "program/ranks/ranks.h"

struct numbers {
    struct ranks *ranks;
    struct backend *backend;
    struct communicator *communicator; // NULL: by way of
    float *piece;                      // of the host's memory
};

// In each rank, once its device has its memory for the run: the ranks agree on the way. Rank 0 says
// which it is, where the device knows communicators, unless `quiet`. This and all below end the
// program where a rank has ended or a device failed.
void numbers_open(struct numbers *numbers, struct ranks *ranks, struct backend *backend,
                  bool quiet);

// In each rank: rank 0's array, of `count` numbers, to all others.
void numbers_spread(const struct numbers *numbers, float *array, size_t count);

// An array of a rank but 0 to rank 0, which calls the second one. They are there, or gone, when
// these return.
void numbers_give(const struct numbers *numbers, const float *array, size_t count);
void numbers_take(const struct numbers *numbers, size_t rank, float *array, size_t count);

// In each rank, when nothing is to come any more.
void numbers_close(struct numbers *numbers);

#endif
