// Memory that is freed all at once, and of which there is only so much: what reading one file of
// weights may cost besides its numbers.
#ifndef PLEURA_WEIGHTS_ARENA_H
#define PLEURA_WEIGHTS_ARENA_H

#include "core/error.h"

#include <stddef.h>

struct arena_block;

// Starts as zeros but for `limit`.
struct arena {
    struct arena_block *blocks;
    size_t left;  // bytes free in the first block
    size_t used;  // bytes of all blocks
    size_t limit; // that these may become
};

// Zeros, for values of any type. NULL with *error where there are no more.
CHECKED void *arena_take(struct arena *arena, size_t bytes, struct error *error);

// Makes sure that an array of *capacity elements of `size` bytes holds one more than `count`: it is
// returned as it is, or copied to one twice as large (the old one goes with the arena). NULL with
// *error.
CHECKED void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity,
                         size_t size, struct error *error);

void arena_free(struct arena *arena);

#endif
