// Random numbers that are the same everywhere: a small generator for our own draws, and the
// Mersenne Twister's permutation that the folds are defined by.
#ifndef PLEURA_CORE_NUMBERS_RANDOM_H
#define PLEURA_CORE_NUMBERS_RANDOM_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// SplitMix64 (Steele, Lea, Flood 2014): any state is a good one.
struct random {
    uint64_t state;
};

// A generator of its own for each (seed, stream, index): draws of one sample never depend on
// another.
struct random random_seed(uint64_t seed, uint64_t stream, uint64_t index);

// 64 random bits.
uint64_t random_next(struct random *random);

// Uniform in 0 .. bound-1 without bias (Lemire 2019); bound at least 1.
uint64_t random_below(struct random *random, uint64_t bound);

// Uniform in [0, 1), 53 bits.
double random_uniform(struct random *random);

// A uniform order of 0 .. count-1 (Fisher and Yates).
void random_shuffle(struct random *random, uint32_t *order, size_t count);

// The order of torch.randperm(count) for a CPU generator seeded with `seed`: MT19937, one 32-bit
// draw a swap, order[i] <-> order[i + draw % (count - i)].
void random_torch_permutation(uint32_t *order, size_t count, uint32_t seed);

#endif
