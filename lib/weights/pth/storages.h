// Where the numbers of PyTorch's storages lie in a file, and how tensors are read from them.
#ifndef PLEURA_WEIGHTS_PTH_STORAGES_H
#define PLEURA_WEIGHTS_PTH_STORAGES_H

#include "weights/pth/pickle.h"
#include "weights/pth/zip.h"
#include "weights/table.h"

struct storage {
    struct text key;
    uint64_t offset, length;       // its bytes in the file
    const struct zip_entry *entry; // in an archive, for its checksum
    bool checked;
    const unsigned char *bytes; // the whole of it, once it had to be in memory
};

struct storages {
    const struct weight_source *source;
    struct arena *arena;
    const struct zip *zip; // NULL: no archive
    struct storage *items; // by key
    size_t count;
};

// Puts them in order. Fails where two have one key.
CHECKED bool storages_sort(struct storages *storages, struct error *error);

// Adds a tensor to a table, row-major, whatever its strides are.
CHECKED bool storages_read(struct storages *storages, struct text name,
                           const struct pickle_tensor *tensor, struct weight_table *table,
                           struct error *error);

#endif
