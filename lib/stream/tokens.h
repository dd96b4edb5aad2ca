// One msgpack object as a tree of items, by msgpack-c's tokeniser; no length is trusted before its
// bytes.
#ifndef PLEURA_STREAM_TOKENS_H
#define PLEURA_STREAM_TOKENS_H

#include "stream/record.h"

enum item_type {
    ITEM_NIL,
    ITEM_BOOLEAN,
    ITEM_INTEGER,
    ITEM_UNSIGNED,
    ITEM_NUMBER,
    ITEM_TEXT,
    ITEM_BYTES,
    ITEM_LIST,
    ITEM_MAP
};

// A container's items lie at items[first .. first + count); a map has keys and values in turn.
struct item {
    enum item_type type;
    union {
        int64_t integer;
        uint64_t natural;
        double number;
        struct text text;
        struct {
            size_t offset, length;
        } span; // a text's offset until the object is complete: its bytes may still move
        struct {
            uint32_t first, count, filled; // below RECORD_MAX_VALUES
        } range;
    };
};

struct tokeniser;

// The items of one object; the memory serves one object after the other. Starts as zeros. (The
// parser turns items of lists into values where they lie: see parse.h.)
struct tokens {
    struct item root;
    struct item *items;
    size_t count, capacity;
    struct tokeniser *tokeniser; // how far it has come in an object
};

enum tokens_status { TOKENS_DONE, TOKENS_MORE, TOKENS_BAD };

// Looks for one object at the start of `bytes`, which the items' texts then point into.
// DONE: it takes *used bytes. MORE: it goes on behind them, *used bytes at the least are needed.
// BAD: *error says why.
enum tokens_status tokens_read(struct tokens *tokens, const void *bytes, size_t length,
                               size_t *used, struct error *error);

// After MORE: goes on where that call stopped. `bytes` are the ones it had, here or elsewhere in
// memory, and more behind them; `length` counts all.
enum tokens_status tokens_continue(struct tokens *tokens, const void *bytes, size_t length,
                                   size_t *used, struct error *error);

void tokens_free(struct tokens *tokens);

#endif
