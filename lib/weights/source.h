// A file of weights, read piece by piece where it is asked for: a file costs no more memory than
// what is used of it.
#ifndef PLEURA_WEIGHTS_SOURCE_H
#define PLEURA_WEIGHTS_SOURCE_H

#include "weights/arena.h"

#include <stdint.h>

#define WEIGHT_SOURCE_HEAD 512

struct weight_source {
    unsigned char head[WEIGHT_SOURCE_HEAD]; // the first bytes, for telling what it is
    size_t head_length;
    uint64_t length; // of a pipe: known from weight_source_complete on
    bool pipe;       // a FIFO or a device, which is read once
    int descriptor;
    const unsigned char *bytes; // the whole of it, where it is in memory
    unsigned char *owned;       // to be freed
};

// Opens a file, FIFO or device and reads its head; *source is the caller's to close, on failure,
// too. The text does not repeat the path.
CHECKED bool weight_source_open(struct weight_source *source, const char *path,
                                struct error *error);

// Bytes in memory, which must outlive the source.
struct weight_source weight_source_of_bytes(const unsigned char *bytes, size_t length);

// Reads what a pipe still has into memory. Nothing is to be done for a file.
CHECKED bool weight_source_complete(struct weight_source *source, struct error *error);
void weight_source_close(struct weight_source *source);

// Reads `length` bytes from `offset` on. Fails where they are not there.
CHECKED bool weight_source_read(const struct weight_source *source, uint64_t offset, void *to,
                                size_t length, struct error *error);

// The same into memory of the arena; NULL with *error.
CHECKED const unsigned char *weight_source_take(const struct weight_source *source, uint64_t offset,
                                                uint64_t length, struct arena *arena,
                                                struct error *error);

#endif
