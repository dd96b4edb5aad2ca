// Blocks of bytes, filled from the front; a text that is longer than a block gets one of its own.
#include "dataset/ids/texts.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 << 10)

struct texts_block {
    struct texts_block *next;
    size_t used, size;
    char bytes[];
};

bool texts_keep(struct texts *texts, struct text text, struct text *kept, struct error *error) {
    struct texts_block *block = texts->blocks;
    if (block == NULL || block->size - block->used < text.length) {
        const size_t size = text.length > BLOCK_SIZE ? text.length : BLOCK_SIZE;
        block = malloc(sizeof *block + size);
        if (block == NULL) {
            return fail(error, "no memory for a text of %zu bytes", text.length);
        }
        *block = (struct texts_block){.next = texts->blocks, .size = size};
        texts->blocks = block;
    }
    char *bytes = block->bytes + block->used;
    if (text.length > 0) {
        memcpy(bytes, text.bytes, text.length);
    }
    block->used += text.length;
    *kept = (struct text){bytes, text.length};
    return true;
}

void texts_free(struct texts *texts) {
    while (texts->blocks != NULL) {
        struct texts_block *next = texts->blocks->next;
        free(texts->blocks);
        texts->blocks = next;
    }
}
