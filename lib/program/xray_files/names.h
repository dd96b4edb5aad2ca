// The names that come on stdin, one after the other: a list that is there, or one that grows.
#ifndef PLEURA_PROGRAM_XRAY_FILES_NAMES_H
#define PLEURA_PROGRAM_XRAY_FILES_NAMES_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

// Starts as zeros but for the separator.
struct names {
    char separator; // what ends a name: '\n' or 0; the last may go without
    bool ended;     // no more will come
    char *bytes;
    size_t capacity, start, filled; // what has been read and not taken yet: bytes[start .. filled)
};

// The next of the names that have been read; it lives until the next call of any of these. Empty
// ones are passed over. NULL: more is to be read first, or (`ended`) there is none.
const char *names_next(struct names *names);

// Reads what has come, or waits for it. Fails where stdin cannot be read, a name is longer than
// any path, or memory is short.
CHECKED bool names_read(struct names *names, struct error *error);

void names_free(struct names *names);

#endif
