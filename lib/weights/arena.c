// Blocks of memory, the newest first; what is large has a block of its own.
#include "weights/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)64 << 10) // bytes
#define FIRST_CAPACITY 4

struct arena_block {
    struct arena_block *next;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

// A new first block, or a second one where the first has more bytes left than this one would have.
static unsigned char *add_block(struct arena *arena, size_t bytes, struct error *error) {
    const size_t size = bytes > BLOCK ? bytes : BLOCK;
    if (size > arena->limit || arena->used > arena->limit - size) {
        (void)fail(error, "takes more memory to read than its size allows");
        return NULL;
    }
    struct arena_block *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    arena->used += size;
    block->size = size;
    if (arena->blocks != NULL && arena->left > size - bytes) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
        arena->left = size - bytes;
    }
    return block->bytes;
}

void *arena_take(struct arena *arena, size_t bytes, struct error *error) {
    const size_t unit = alignof(max_align_t);
    if (bytes > SIZE_MAX / 2) {
        (void)fail(error, "no memory");
        return NULL;
    }
    const size_t rounded = (bytes + unit - 1) / unit * unit;
    if (rounded > arena->left) {
        return add_block(arena, rounded, error);
    }
    unsigned char *memory = arena->blocks->bytes + arena->blocks->size - arena->left;
    arena->left -= rounded;
    return memory;
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size,
                 struct error *error) {
    if (count < *capacity) {
        return array;
    }
    const size_t larger = *capacity > 0 ? *capacity * 2 : FIRST_CAPACITY;
    if (larger > SIZE_MAX / 2 / size) {
        (void)fail(error, "no memory");
        return NULL;
    }
    void *grown = arena_take(arena, larger * size, error);
    if (grown != NULL && count > 0) {
        memcpy(grown, array, count * size);
    }
    if (grown != NULL) {
        *capacity = larger;
    }
    return grown;
}

void arena_free(struct arena *arena) {
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    *arena = (struct arena){.limit = arena->limit};
}
