// A catalog of samples in shard folders and stream files: where each lies, and whether it has a
// lesion, so that any of them can be read at any time.
#ifndef PLEURA_DATASET_SHARDS_CATALOG_H
#define PLEURA_DATASET_SHARDS_CATALOG_H

#include "dataset/fold.h"
#include "dataset/ids/ids.h"
#include "dataset/sampler.h"
#include "stream/random_access.h"
#include "stream/writer.h"

struct catalog_entry {
    uint32_t file;
    uint64_t offset, length; // bytes
    uint64_t digest;         // xxh3 of these bytes
    int64_t lesion;          // pixels, or LESION_UNKNOWN
    uint32_t height, width;  // of the image, as a folder's index has it
};

struct catalog_file {
    char *path;
    int descriptor; // -1: not open
    uint64_t bytes;
};

// Starts as zeros.
struct catalog {
    size_t max_record; // bytes; the caller sets it before adding
    struct ids ids;    // ids.items[i] is that of entries[i], i < ids.count
    struct catalog_entry *entries;
    struct catalog_file *files; // of paths.items[i]
    struct ids paths;
    size_t capacity, file_count, file_capacity;
    struct history history; // of all sources
    struct texts texts;     // the lines of the history
};

enum catalog_source_type { CATALOG_SOURCE_FOLDER, CATALOG_SOURCE_FILE, CATALOG_SOURCE_PIPE };

// What a path names: "-" and whatever is neither folder nor regular file is a pipe; a path that
// names nothing is taken for a file, which cannot be opened then.
enum catalog_source_type catalog_source_type(const char *path);

// Adds the samples of a shard folder or of a stream in a regular file. An id that is there already
// is an error.
// A folder's samples come by its index alone, in its order. The index is not trusted: its count and
// hash must be right before anything that it names is opened, a shard's name must be one that shard
// writes, of a regular file in the folder, and records must lie inside it. A file is read through
// once.
CHECKED bool catalog_add(struct catalog *catalog, const char *path, struct error *error);

// Reads an entry's sample, whose bytes must be those that the index, or the stream when it was read
// through, had. May be called by several threads at once.
CHECKED bool catalog_read(const struct catalog *catalog, size_t entry, struct loaded_record *loaded,
                          struct error *error);

// Puts "FILE: record N, byte M", of an entry's sample, before what *error says. Always false.
bool catalog_fail(const struct catalog *catalog, size_t entry, struct error *error);

// A sampler of the entries that belong to a split. Fails, besides, for an entry without labels
// where the options ask about lesions.
CHECKED bool catalog_sampler(const struct catalog *catalog, struct fold fold, enum split split,
                             const struct sampler_options *options, struct sampler *sampler,
                             struct error *error);

void catalog_free(struct catalog *catalog);

#endif
