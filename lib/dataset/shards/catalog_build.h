// How a catalog is filled: by catalog.c from streams, by catalog_index.c from shard folders.
#ifndef PLEURA_DATASET_SHARDS_CATALOG_BUILD_H
#define PLEURA_DATASET_SHARDS_CATALOG_BUILD_H

#include "dataset/shards/catalog.h"

// Adds an entry; an id that is there already is an error.
CHECKED bool catalog_put(struct catalog *catalog, struct text id, const struct catalog_entry *entry,
                         struct error *error);

// The number of the file of this path, which is not opened yet when it is new.
CHECKED bool catalog_name_file(struct catalog *catalog, const char *path, uint32_t *file,
                               struct error *error);

// Opens a file unless it is open. It must be a regular file; `flags` are added to those of open(2).
CHECKED bool catalog_open_file(struct catalog *catalog, uint32_t file, int flags,
                               struct error *error);

// Adds the programs of a history that the catalog's lacks. Fails without memory.
CHECKED bool catalog_put_history(struct catalog *catalog, const struct history *history,
                                 struct error *error);

// Adds the samples that the index of a shard folder names.
CHECKED bool catalog_add_folder(struct catalog *catalog, const char *folder, struct error *error);

#endif
