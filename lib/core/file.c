// Whole files into memory. The size that the system tells is a hint only: files grow and shrink
// while they are read, and a FIFO has none.
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_PIECE = 1 << 16 };

static bool read_all(int descriptor, size_t limit, size_t hint, uint8_t **bytes, size_t *length,
                     struct error *error) {
    // One byte more than is expected lets the end be seen without another allocation.
    size_t size = hint > 0 ? hint + 1 : FIRST_PIECE;
    uint8_t *buffer = malloc(size);
    size_t used = 0;
    while (buffer != NULL) {
        const ssize_t got = read(descriptor, buffer + used, size - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            (void)fail(error, "%s", strerror(errno));
            free(buffer);
            return false;
        }
        if (got == 0) {
            *bytes = buffer;
            *length = used;
            return true;
        }
        used += (size_t)got;
        if (used > limit) {
            free(buffer);
            return fail(error, "has more than %zu bytes", limit);
        }
        if (used == size) {
            uint8_t *larger = size > SIZE_MAX / 2 ? NULL : realloc(buffer, 2 * size);
            if (larger == NULL) {
                free(buffer);
            }
            buffer = larger;
            size *= 2;
        }
    }
    return fail(error, "no memory for its %zu bytes", size);
}

bool file_read(const char *path, size_t limit, uint8_t **bytes, size_t *length,
               struct error *error) {
    *bytes = NULL;
    *length = 0;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fail(error, "%s", strerror(errno));
    }
    struct stat status;
    bool read = false;
    if (fstat(descriptor, &status) != 0) {
        (void)fail(error, "%s", strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        (void)fail(error, "is a directory");
    } else if (S_ISREG(status.st_mode) && (uintmax_t)status.st_size > limit) {
        (void)fail(error, "has %jd bytes, more than %zu", (intmax_t)status.st_size, limit);
    } else {
        const size_t hint = S_ISREG(status.st_mode) ? (size_t)status.st_size : 0;
        read = read_all(descriptor, limit, hint, bytes, length, error);
    }
    (void)close(descriptor);
    return read;
}
