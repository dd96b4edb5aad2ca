// Named tensors of float32, in memory: what a file of weights holds.
#ifndef PLEURA_WEIGHTS_TABLE_H
#define PLEURA_WEIGHTS_TABLE_H

#include "stream/record.h"

#define WEIGHTS_MAX_COUNT 65536
#define WEIGHTS_MAX_NOTES 8

struct weight {
    char *name;
    size_t rank, shape[TENSOR_MAX_RANK], count;
    float *values; // row-major
};

// What a file of weights is, without its weights; starts as zeros.
struct weights_description {
    char network[100]; // empty where it says none, or is of several
    uint64_t digest;   // the hash (xxh3) of its bytes
};

// Starts as zeros, but for `state_dict` where one is asked for.
struct weight_table {
    const char *state_dict; // of a .pth, the dict to take: its name, or names with slashes between,
                            // from the outermost dict on; NULL: by the usual rule (state_dict.h)
    struct weight *weights;
    size_t count, capacity;
    size_t bytes_left;           // that tensors may still take
    const struct weight **index; // in the names' order, once weight_table_close has been there
    char *network; // the network that they belong to, where the file says so; else NULL
    int64_t side;  // of the images it was trained on; 0: not said
    char *notes[WEIGHTS_MAX_NOTES]; // what a user should know of how the file was read
    size_t note_count;
};

// Adds a tensor whose values the caller then fills (zeros until then). NULL with *error for a name
// that no checkpoint can have, a tensor that is larger than bytes_left, or without memory.
CHECKED struct weight *weight_table_add(struct weight_table *table, struct text name, size_t rank,
                                        const size_t *shape, struct error *error);

// Ends the adding. Fails where two tensors have one name.
CHECKED bool weight_table_close(struct weight_table *table, struct error *error);

// Of a table that is closed; NULL for a name that is not there.
const struct weight *weight_table_find(const struct weight_table *table, const char *name);

// Notes the network and the side (decimal) that a file's metadata tell, or NULL. Our own files have
// both; what others write there means nothing here. Fails without memory.
CHECKED bool weight_table_describe(struct weight_table *table, const char *network,
                                   const char *side, struct error *error);

// Adds a note; those above WEIGHTS_MAX_NOTES are dropped.
void weight_table_note(struct weight_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Says the notes on stderr, a line each: `PROGRAM: PATH: note`.
void weight_table_say(const struct weight_table *table, const char *path);

// Frees a tensor's values alone; they are NULL then.
void weight_drop_values(struct weight *weight);

void weight_table_free(struct weight_table *table);

#endif
