// The best evaluations of a run, by rank: those whose checkpoints are kept.
#ifndef PLEURA_TRAIN_CHECKPOINT_BEST_LIST_H
#define PLEURA_TRAIN_CHECKPOINT_BEST_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_BEST = 100 };

struct ranked {
    int64_t iteration; // from 1
    double score;
};

// The greatest score comes first; of equal ones the earlier iteration.
struct best_list {
    size_t limit; // how many are kept, MAX_BEST at most
    size_t count;
    struct ranked items[MAX_BEST];
};

// Puts an evaluation in, of an iteration behind all others. False where it is not among the best;
// *dropped is the iteration that had to go for it, 0 where the list was not full.
bool best_list_add(struct best_list *list, struct ranked evaluation, int64_t *dropped);

bool best_list_has(const struct best_list *list, int64_t iteration);

#endif
