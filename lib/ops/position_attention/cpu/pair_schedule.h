// A schedule for work on pairs of blocks by several threads: round-robin between superblocks of
// neighbouring blocks: in each round a superblock is paired with one other. So no two threads work
// on one block at a time, and a block's pairs come in the same order for any number of threads:
// sums that pairs add to a block need no atomics, and have the same bytes.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CPU_PAIR_SCHEDULE_H
#define PLEURA_OPS_POSITION_ATTENTION_CPU_PAIR_SCHEDULE_H

#include <stddef.h>

// What is done: `begin` with each block, then `pair` with it and each other (block < other) that
// has begun, then `end` with each block. `thread` is the number of the thread that does it, below
// `threads`.
struct position_pair_schedule {
    size_t blocks;
    int threads;
    const void *context; // what the functions are called with
    void (*begin)(const void *context, size_t block, int thread);
    void (*pair)(const void *context, size_t block, size_t other, int thread);
    void (*end)(const void *context, size_t block, int thread);
};

void position_pair_schedule_run(const struct position_pair_schedule *schedule);

#endif
