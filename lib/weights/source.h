// A file of weights, read piece by piece where it is asked for: a file costs no more memory than
// what is used of it.
#ifndef PLEURA_WEIGHTS_SOURCE_H
#define PLEURA_WEIGHTS_SOURCE_H

#include "weights/arena.h"

#include <stdint.h>

#define SOURCE_HEAD 512

struct source {
    unsigned char head[SOURCE_HEAD]; // the first bytes, for telling what it is
    size_t head_length;
    uint64_t length; // of a pipe: known from source_complete on
    bool pipe;       // a FIFO or a device, which is read once
    int descriptor;
    const unsigned char *bytes; // the whole of it, where it is in memory
    unsigned char *owned;       // to be freed
};

// Opens a file, FIFO or device and reads its head; *source is the caller's to close, on failure,
// too. The text does not repeat the path.
CHECKED bool source_open(struct source *source, const char *path, struct error *error);

// Bytes in memory, which must outlive the source.
struct source source_of(const unsigned char *bytes, size_t length);

// Reads what a pipe still has into memory. Nothing is to be done for a file.
CHECKED bool source_complete(struct source *source, struct error *error);
void source_close(struct source *source);

// Reads `length` bytes from `at` on. Fails where they are not there.
CHECKED bool source_read(const struct source *source, uint64_t at, void *to, size_t length,
                         struct error *error);

// The same into memory of the arena; NULL with *error.
CHECKED const unsigned char *source_take(const struct source *source, uint64_t at, uint64_t length,
                                         struct arena *arena, struct error *error);

#endif
