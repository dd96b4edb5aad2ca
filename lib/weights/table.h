// Named tensors of float32, in memory: what a file of weights holds.
#ifndef PLEURA_WEIGHTS_TABLE_H
#define PLEURA_WEIGHTS_TABLE_H

#include "stream/record.h"

#define WEIGHTS_MAX_COUNT 65536
#define WEIGHTS_MAX_NUMBERS ((size_t)1 << 30) // of one file

struct weight {
    char *name;
    size_t rank, shape[TENSOR_MAX_RANK], count;
    float *values; // row-major
};

// Starts as zeros.
struct weight_table {
    struct weight *weights;
    size_t count, capacity;
    size_t numbers;
    char *network; // the network that they belong to, where the file says so; else NULL
    int64_t side;  // of the images it was trained on; 0: not said
};

// Adds a tensor whose values the caller then fills (zeros until then). NULL with *error for a name
// that is there already, a shape that is too large, or without memory.
CHECKED struct weight *weight_table_add(struct weight_table *table, struct text name, size_t rank,
                                        const size_t *shape, struct error *error);

const struct weight *weight_table_find(const struct weight_table *table, const char *name);
void weight_table_free(struct weight_table *table);

#endif
