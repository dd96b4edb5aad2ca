// Whole files into memory, or mapped; where programs lie.
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

// A file whose bytes are read when they are looked at.
struct file_view {
    const uint8_t *bytes; // never NULL
    size_t length;
    void *owned; // what to unmap or to free
    bool mapped;
};

// Maps a regular file, told to expect looks here and there; anything else is read to its end. False
// as for file_read. A file that is cut or cannot be read while it is looked at raises SIGBUS: look
// in a process that can be lost.
CHECKED bool file_view_open(const char *path, size_t limit, struct file_view *view,
                            struct error *error);

void file_view_close(struct file_view *view);

// The path of the folder that this program's file is in, in `size` bytes.
CHECKED bool file_program_folder(char *path, size_t size, struct error *error);

#endif
