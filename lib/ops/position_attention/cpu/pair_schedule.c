// The circle method: one block stays, and the others go round it.
#include "ops/position_attention/cpu/pair_schedule.h"

#include <omp.h>

// Pair number `index` of a round of an even number of blocks, the lower block first.
static void pair_of_round(size_t blocks, size_t round, size_t index, size_t *block, size_t *other) {
    const size_t circle = blocks - 1;
    const size_t a = index == 0 ? circle : (round + index) % circle;
    const size_t b = (round + circle - index) % circle;
    *block = a < b ? a : b;
    *other = a < b ? b : a;
}

void position_pair_schedule_run(const struct position_pair_schedule *schedule) {
    const size_t blocks = schedule->blocks;
    const size_t even = blocks + blocks % 2; // with an odd number one block pauses each round
#pragma omp parallel num_threads(schedule->threads)
    {
        const int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic)
        for (size_t block = 0; block < blocks; block++) {
            schedule->begin(schedule->context, block, thread);
        }
        for (size_t round = 0; round + 1 < even; round++) {
#pragma omp for schedule(dynamic)
            for (size_t index = 0; index < even / 2; index++) {
                size_t block = 0;
                size_t other = 0;
                pair_of_round(even, round, index, &block, &other);
                if (other < blocks) {
                    schedule->pair(schedule->context, block, other, thread);
                }
            }
        }
#pragma omp for schedule(static)
        for (size_t block = 0; block < blocks; block++) {
            schedule->end(schedule->context, block, thread);
        }
    }
}
