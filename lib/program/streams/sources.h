// Several streams of one kind, read one after the other as if they were one. Where samples are
// read, a shard folder is a source as well: its samples come by its index, in its order, each
// compared with the hash that the index has. For filters: every error ends the program.
#ifndef PLEURA_PROGRAM_STREAMS_SOURCES_H
#define PLEURA_PROGRAM_STREAMS_SOURCES_H

#include "dataset/shards/catalog.h"
#include "stream/reader.h"

struct source {
    const char *path;
    struct stream_reader *reader; // NULL: a folder
    struct catalog *catalog;      // of a folder
    size_t next;                  // entry of the catalog
};

struct sources {
    struct source *items;
    size_t count, current;
    const char *kind;            // of all
    struct history history;      // of all; lives as long as they are open
    struct loaded_record loaded; // of a folder
};

// Opens all sources at once, so that their history is known before the first record. No path:
// stdin. `kind`: NULL for any, that of the first.
void sources_open(struct sources *sources, char *const *paths, size_t count, const char *kind,
                  size_t max_record);

// The next record of all; it lives until the next call. False behind the last.
bool sources_read(struct sources *sources, struct record *record);

// Whether the next record would have to be waited for: stream_pauses.
bool sources_pause(const struct sources *sources);

// Where the record read last came from, for messages about it.
const char *sources_path(const struct sources *sources);

// Ends the program: `PLACE: what`, for an error in the record read last.
__attribute__((noreturn)) void sources_die(struct sources *sources, const struct error *error);

void sources_close(struct sources *sources);

#endif
