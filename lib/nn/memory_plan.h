// Where buffers with known lifetimes lie in one block of memory.
#ifndef PLEURA_NN_MEMORY_PLAN_H
#define PLEURA_NN_MEMORY_PLAN_H

#include "core/error.h"

#include <stddef.h>

// Used from step `first` to step `last`, both included.
struct buffer {
    size_t bytes, offset;
    int first, last;
};

// Gives every buffer an offset such that those that live together never overlap: largest first,
// each at the lowest offset that is free (greedy by size; Pisarchyk and Lee 2020). Offsets are
// multiples of
// 64. Returns the block's size in *bytes. Fails
// where the sizes together are more than a size_t holds, or without memory.
CHECKED bool memory_plan(struct buffer *buffers, size_t count, size_t *bytes, struct error *error);

#endif
