// Whole files into memory.
#ifndef PLEURA_CORE_FILE_H
#define PLEURA_CORE_FILE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// Reads the file, FIFO or device at `path` to its end into *bytes (the caller frees; never NULL on
// success, even where *length is 0). False for a directory, for more than `limit` bytes, for what
// cannot be read, and without memory; the text does not repeat the path.
CHECKED bool file_read(const char *path, size_t limit, uint8_t **bytes, size_t *length,
                       struct error *error);

#endif
