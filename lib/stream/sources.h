// Several streams of one kind, read one after the other as if they were one. For filters: every
// error ends the program.
#ifndef PLEURA_STREAM_SOURCES_H
#define PLEURA_STREAM_SOURCES_H

#include "stream/reader.h"

struct sources {
    struct stream_reader **readers;
    char *const *paths;
    size_t count, current;
    struct history history; // of all of them; lives as long as they are open
};

// Opens all streams at once, so that their history is known before the first record. No path:
// stdin.
void sources_open(struct sources *sources, char *const *paths, size_t count, const char *kind,
                  size_t max_record);

// The next record of all; it lives until the next call. False behind the last.
bool sources_read(struct sources *sources, struct record *record);

// Where the record read last came from, for messages about it.
const char *sources_path(const struct sources *sources);

// Ends the program: `PLACE: what`, for an error in the record read last.
__attribute__((noreturn)) void sources_die(struct sources *sources, const struct error *error);

void sources_close(struct sources *sources);

#endif
