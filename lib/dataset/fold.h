// Which images train and which validate in fold K of N.
#ifndef PLEURA_DATASET_FOLD_H
#define PLEURA_DATASET_FOLD_H

#include "stream/record.h"

#include <stddef.h>
#include <stdint.h>

// The method's folds are defined by this seed; another one would be another set of folds.
#define FOLD_SEED 1234

enum split { SPLIT_ALL, SPLIT_TRAIN, SPLIT_VAL };

// Fold `index` of `count`, 0 <= number < count.
struct fold {
    size_t index, count;
};

// Reads "K/N"; K counts from 0.
CHECKED bool fold_parse(struct fold *fold, const char *text, struct error *error);

// Fills `order` (memory for `count`) with indices into `ids`, and *selected with how many.
// TRAIN and VAL: the ids are sorted bytewise and permuted (torch.randperm, FOLD_SEED); position i
// of `count` belongs to VAL when count*K/N <= i < count*(K+1)/N (integer division) and else to
// TRAIN; both keep the permuted order. ALL: 0 .. count-1, `fold` is not looked at. Fails for an id
// that is there twice (the two splits could share it) and without memory.
CHECKED bool fold_order(const struct text *ids, size_t count, struct fold fold, enum split split,
                        uint32_t *order, size_t *selected, struct error *error);

#endif
