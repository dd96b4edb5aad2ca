// Records that own their memory: read at an offset of an open file, or copied from another record.
// Each thread has its own; one serves record after record.
#ifndef PLEURA_STREAM_RANDOM_ACCESS_H
#define PLEURA_STREAM_RANDOM_ACCESS_H

#include "stream/parse.h"
#include "stream/record.h"
#include "stream/tokens.h"

// Starts as zeros.
struct loaded_record {
    struct record record; // points into the rest
    unsigned char *bytes;
    size_t capacity;
    struct tokens tokens;
    struct parsed parsed;
    struct value *values; // of a copy's lists
    size_t value_count, value_capacity;
};

// Where a record lies in a file, and what is known of it.
struct record_location {
    uint64_t offset, length; // bytes
    uint64_t digest;         // xxh3 of these bytes
    struct text id;
};

// Reads a record of a file. Its bytes must have this digest, so the file's own hash is not looked
// at; the record is checked as the stream reader does, must fill the bytes and have this id. Memory
// is taken only for bytes that the file has.
CHECKED bool record_read_at(struct loaded_record *loaded, int descriptor,
                            const struct record_location *location, struct error *error);

// Reads the hash in the end mark that fills bytes offset .. end of a file.
CHECKED bool stream_end_mark_read_at(int descriptor, uint64_t offset, uint64_t *hash,
                                     struct error *error);

// Copies a record and all it points to. Fails only without memory.
CHECKED bool record_copy(struct loaded_record *copy, const struct record *record,
                         struct error *error);

void loaded_record_free(struct loaded_record *loaded);

#endif
