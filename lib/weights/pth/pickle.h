// Python's pickle, as much of it as PyTorch's files need. Nothing is executed: a pickle is a
// program for a small stack machine, and of its instructions those that build texts, numbers,
// tuples, lists and dicts are done. What a call would give is known for the few functions that put
// tensors together; for every other it is an opaque value, which knows the function's name and
// swallows whatever is added to it. So a tensor that some other function would have changed is
// never taken for a tensor.
#ifndef PLEURA_WEIGHTS_PTH_PICKLE_H
#define PLEURA_WEIGHTS_PTH_PICKLE_H

#include "weights/arena.h"
#include "weights/types.h"

#include "stream/record.h"

enum pickle_type {
    PICKLE_NONE, // and numbers that are of no use to us
    PICKLE_INTEGER,
    PICKLE_TEXT, // and bytes
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT, // items: key, value, key, value ...
    PICKLE_FUNCTION,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
    PICKLE_OPAQUE,
};

// The functions that are known.
enum pickle_function {
    FUNCTION_UNKNOWN,
    FUNCTION_DICT,
    FUNCTION_REBUILD_TENSOR,
    FUNCTION_REBUILD_PARAMETER,
    FUNCTION_REBUILD_FROM_TYPE,
    FUNCTION_TENSOR_TYPE, // torch.Tensor itself
    FUNCTION_SIZE,
    FUNCTION_STORAGE, // a storage's type, of `element_type`
    FUNCTION_DTYPE,   // a type of numbers
    FUNCTION_FOREIGN, // gives a tensor of a kind that is not read
};

// Elements in the file, one behind the other.
struct pickle_storage {
    struct pickle_storage *next; // the one that was made before it
    struct text key;
    enum weight_type element_type;
    uint64_t count; // of elements
};

// Where a tensor lies in a storage, in elements of its own type.
struct pickle_tensor {
    const struct pickle_storage *storage;
    enum weight_type element_type;
    size_t rank;
    uint64_t offset, shape[TENSOR_MAX_RANK], stride[TENSOR_MAX_RANK];
};

struct pickle_items {
    struct pickle_value **values;
    size_t count;
    size_t capacity;
};

struct pickle_value {
    unsigned char type;         // enum pickle_type
    unsigned char function;     // enum pickle_function, of a function
    unsigned char element_type; // enum weight_type, of a function that has one
    bool visited;               // free for those who walk through the values
    union {
        int64_t integer;
        struct text text; // of a text; of a function, its name with the module's
        struct text
            description; // of an opaque value, what it is: "an object of argparse.Namespace"
        struct pickle_items *items; // of a tuple, list or dict
        const struct pickle_storage *storage;
        const struct pickle_tensor *tensor;
    };
};

// What a pickle leaves.
struct pickle {
    struct pickle_value *value;
    struct pickle_storage *storages; // all that were referred to, the last one first
    size_t used;                     // how many bytes it took
    bool cut;                        // it failed because the bytes ended
};

// Runs the pickle at the start of `bytes` (texts stay there). All that it makes lies in the arena.
CHECKED bool pickle_read(struct pickle *pickle, struct arena *arena, const unsigned char *bytes,
                         size_t length, struct error *error);

#endif
