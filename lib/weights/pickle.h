// The part of Python's pickle that a PyTorch state_dict needs. Nothing is executed: a pickle is a
// program for a small stack machine, and of its instructions those that build texts, numbers,
// tuples, lists and dicts are done, those that call are answered for the few functions below, and
// all else is refused with its offset.
#ifndef PLEURA_WEIGHTS_PICKLE_H
#define PLEURA_WEIGHTS_PICKLE_H

#include "weights/numbers.h"

#include "core/error.h"
#include "stream/record.h"

#include <stdint.h>

enum pickle_type {
    PICKLE_NONE, // and whatever is of no use to us
    PICKLE_INTEGER,
    PICKLE_TEXT,
    PICKLE_TUPLE, // and lists
    PICKLE_DICT,  // items: key, value, key, value ...
    PICKLE_FUNCTION,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
};

// The functions that may be named.
enum pickle_function {
    FUNCTION_ORDERED_DICT,
    FUNCTION_REBUILD_TENSOR,
    FUNCTION_REBUILD_PARAMETER,
    FUNCTION_SIZE,
    FUNCTION_STORAGE, // + enum number_type
};

struct pickle_value {
    enum pickle_type type;
    int64_t integer;             // of an integer; the function; of a storage: its numbers
    struct text text;            // of a text; of a storage: its key
    enum number_type numbers;    // of a storage
    struct pickle_value **items; // of a tuple or dict
    size_t count, capacity;
    const struct pickle_value *storage; // of a tensor, and its place in it
    uint64_t offset, shape[TENSOR_MAX_RANK], stride[TENSOR_MAX_RANK];
    size_t rank;
};

// All that a pickle makes; freed at once.
struct pickle {
    struct pickle_value **values;
    size_t count, capacity;
};

// Runs the pickle at the start of `bytes` (texts stay there); *value is what it leaves, *used how
// many bytes it took.
CHECKED bool pickle_read(struct pickle *pickle, const unsigned char *bytes, size_t length,
                         struct pickle_value **value, size_t *used, struct error *error);
void pickle_free(struct pickle *pickle);

// A dict's value for a key that is a text, or NULL.
struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key);

#endif
