// A set of ids that knows the order in which they came.
#ifndef PLEURA_DATASET_IDS_IDS_H
#define PLEURA_DATASET_IDS_IDS_H

#include "dataset/ids/texts.h"

#include <stdint.h>

// Starts as zeros. items[0 .. count) are copies, in the order in which they were added.
struct ids {
    struct text *items;
    size_t count, capacity;
    uint32_t *slots; // 1 + the index of an id, by its hash; 0: free
    size_t slot_count;
    struct texts texts;
};

#define IDS_ABSENT SIZE_MAX

// The index of an id in the order, or IDS_ABSENT.
size_t ids_find(const struct ids *ids, struct text id);

// Adds an id unless it is there; *index is where it stands, and *added whether it is new. Fails
// without memory.
CHECKED bool ids_add(struct ids *ids, struct text id, size_t *index, bool *added,
                     struct error *error);

void ids_free(struct ids *ids);

#endif
