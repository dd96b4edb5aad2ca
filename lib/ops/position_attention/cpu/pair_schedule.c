// The circle method, between superblocks: one of them stays, and the others go round
// it. A thread that has two superblocks brings each block of the one together with all of the
// other's, so that it finds in its cache what it has just read; where there are more threads than
// that keeps busy, they share out the blocks' pairs.
#include "ops/position_attention/cpu/pair_schedule.h"

#include "core/numbers/size.h"

#include <omp.h>
#include <stdbool.h>

// Where there are as many blocks: fewer would leave threads waiting.
#define MIN_SUPERBLOCKS ((size_t)24)
#define MAX_BLOCKS ((size_t)6) // of a superblock; with more a cache gains nothing

// The blocks of a superblock, but perhaps for the last one's.
static size_t superblock_size(size_t blocks) {
    const size_t size = size_min(blocks / MIN_SUPERBLOCKS, MAX_BLOCKS);
    return size > 0 ? size : 1;
}

// A superblock's blocks: from `first` on, before `end`.
struct superblock {
    size_t first, end;
};

static struct superblock superblock_of(const struct position_pair_schedule *schedule,
                                       size_t superblock) {
    const size_t size = superblock_size(schedule->blocks);
    return (struct superblock){size_min(superblock * size, schedule->blocks),
                               size_min((superblock + 1) * size, schedule->blocks)};
}

// Pair number `index` of a round of an even number of superblocks, the lower superblock first; the
// last superblock may have no blocks.
static void pair_of_round(const struct position_pair_schedule *schedule, size_t superblocks,
                          size_t round, size_t index, struct superblock *superblock,
                          struct superblock *other) {
    const size_t circle = superblocks - 1;
    const size_t a = index == 0 ? circle : (round + index) % circle;
    const size_t b = (round + circle - index) % circle;
    *superblock = superblock_of(schedule, a < b ? a : b);
    *other = superblock_of(schedule, a < b ? b : a);
}

// Begins the blocks of a superblock, and brings them together with each other.
static void run_superblock(const struct position_pair_schedule *schedule, size_t number,
                           int thread) {
    const struct superblock superblock = superblock_of(schedule, number);
    for (size_t block = superblock.first; block < superblock.end; block++) {
        schedule->begin(schedule->context, block, thread);
    }
    for (size_t block = superblock.first; block < superblock.end; block++) {
        for (size_t other = block + 1; other < superblock.end; other++) {
            schedule->pair(schedule->context, block, other, thread);
        }
    }
}

// Block `i` of one superblock and block `j` of another, if they have as many.
static void run_pair(const struct position_pair_schedule *schedule, struct superblock superblock,
                     struct superblock other, size_t i, size_t j, int thread) {
    if (superblock.first + i < superblock.end && other.first + j < other.end) {
        schedule->pair(schedule->context, superblock.first + i, other.first + j, thread);
    }
}

// Two superblocks are paired in turns, in each of which every block has one pair: in turn t, block
// i of the one and block i + t of the other, counted round. A thread that has both superblocks
// keeps each block's order, but stays with a block of the other superblock as long as it can: with
// all whose turns come before the count begins again, and at the end with those behind.
static void run_superblocks(const struct position_pair_schedule *schedule,
                            struct superblock superblock, struct superblock other, int thread) {
    const size_t size = superblock_size(schedule->blocks);
    for (size_t j = 0; j < size; j++) {
        for (size_t turn = 0; turn <= j; turn++) {
            run_pair(schedule, superblock, other, j - turn, j, thread);
        }
    }
    for (size_t j = 0; j < size; j++) {
        for (size_t turn = j + 1; turn < size; turn++) {
            run_pair(schedule, superblock, other, size + j - turn, j, thread);
        }
    }
}

// A round by threads that have pairs of superblocks.
static void run_round(const struct position_pair_schedule *schedule, size_t superblocks,
                      size_t round, int thread) {
#pragma omp for schedule(dynamic)
    for (size_t index = 0; index < superblocks / 2; index++) {
        struct superblock superblock;
        struct superblock other;
        pair_of_round(schedule, superblocks, round, index, &superblock, &other);
        run_superblocks(schedule, superblock, other, thread);
    }
}

// A round by threads that have pairs of blocks, turn by turn.
static void run_turns(const struct position_pair_schedule *schedule, size_t superblocks,
                      size_t round, int thread) {
    const size_t size = superblock_size(schedule->blocks);
    for (size_t turn = 0; turn < size; turn++) {
#pragma omp for schedule(dynamic)
        for (size_t pair = 0; pair < superblocks / 2 * size; pair++) {
            struct superblock superblock;
            struct superblock other;
            pair_of_round(schedule, superblocks, round, pair / size, &superblock, &other);
            run_pair(schedule, superblock, other, pair % size, (pair % size + turn) % size, thread);
        }
    }
}

// Whether a round has too few pairs of superblocks to share out: whether a thread has fewer pairs
// of blocks to work on when these are shared out.
static bool takes_turns(const struct position_pair_schedule *schedule, size_t superblocks) {
    const size_t size = superblock_size(schedule->blocks);
    const size_t threads = (size_t)schedule->threads;
    return size_divide_up(superblocks / 2 * size, threads) <
           size * size_divide_up(superblocks / 2, threads);
}

void position_pair_schedule_run(const struct position_pair_schedule *schedule) {
    const size_t superblocks = size_divide_up(schedule->blocks, superblock_size(schedule->blocks));
    const size_t even =
        superblocks + superblocks % 2; // with an odd number one superblock pauses each round
    const bool turns = takes_turns(schedule, even);
#pragma omp parallel num_threads(schedule->threads)
    {
        const int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic)
        for (size_t superblock = 0; superblock < superblocks; superblock++) {
            run_superblock(schedule, superblock, thread);
        }
        for (size_t round = 0; round + 1 < even; round++) {
            if (turns) {
                run_turns(schedule, even, round, thread);
            } else {
                run_round(schedule, even, round, thread);
            }
        }
#pragma omp for schedule(static)
        for (size_t block = 0; block < schedule->blocks; block++) {
            schedule->end(schedule->context, block, thread);
        }
    }
}
