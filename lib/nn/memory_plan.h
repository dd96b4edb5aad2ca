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
// each at the lowest offset that is free (greedy by size; Pisarchyk and Lee 2020), or by size times
// steps, where that takes less; and until no more is taken than what lives together, again with
// those that end beyond that earlier in the order, for a bounded number of times. Offsets are
// multiples of 64. Returns the block's size in *bytes. Fails where the sizes together are more than
// a size_t holds, or without memory.
CHECKED bool memory_plan(struct buffer *buffers, size_t count, size_t *bytes, struct error *error);

// False: there is no memory for a network of so many bytes of buffers at a batch and so many of
// parameters; *error says what batch would fit where `free_bytes` are left (0: not known).
CHECKED bool memory_lacks(size_t bytes, size_t parameters, size_t batch, size_t free_bytes,
                          struct error *error);

#endif
