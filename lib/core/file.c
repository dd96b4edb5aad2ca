// Whole files into memory, or mapped. The size that the system tells is a hint only: files grow and
// shrink while they are read, and a FIFO has none.
#include "core/file.h"

#include "core/array.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
            uint8_t *larger = array_grow(buffer, &size, size + 1, 1);
            if (larger == NULL) {
                free(buffer);
            }
            buffer = larger;
        }
    }
    return fail(error, "no memory for its %zu bytes", size);
}

static bool read_open(int descriptor, size_t limit, uint8_t **bytes, size_t *length,
                      struct error *error) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        return fail(error, "%s", strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(error, "is a directory");
    }
    if (S_ISREG(status.st_mode) && (uintmax_t)status.st_size > limit) {
        return fail(error, "has %jd bytes, more than %zu", (intmax_t)status.st_size, limit);
    }
    const size_t hint = S_ISREG(status.st_mode) ? (size_t)status.st_size : 0;
    return read_all(descriptor, limit, hint, bytes, length, error);
}

bool file_read(const char *path, size_t limit, uint8_t **bytes, size_t *length,
               struct error *error) {
    *bytes = NULL;
    *length = 0;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fail(error, "%s", strerror(errno));
    }
    const bool read = read_open(descriptor, limit, bytes, length, error);
    (void)close(descriptor);
    return read;
}

// Maps what is open, if it can be mapped: an empty file cannot, nor what some file systems hold.
static bool map_open(int descriptor, size_t limit, struct file_view *view) {
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        (uintmax_t)status.st_size > limit) {
        return false;
    }
    const size_t length = (size_t)status.st_size;
    void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED) {
        return false;
    }
    (void)madvise(bytes, length, MADV_RANDOM); // no reading ahead: most will not be looked at
    *view = (struct file_view){bytes, length, bytes, true};
    return true;
}

bool file_view_open(const char *path, size_t limit, struct file_view *view, struct error *error) {
    *view = (struct file_view){NULL, 0, NULL, false};
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fail(error, "%s", strerror(errno));
    }
    uint8_t *bytes = NULL;
    const bool opened = map_open(descriptor, limit, view) ||
                        read_open(descriptor, limit, &bytes, &view->length, error);
    if (bytes != NULL) {
        view->bytes = view->owned = bytes;
    }
    (void)close(descriptor);
    return opened;
}

void file_view_close(struct file_view *view) {
    if (view->mapped) {
        (void)munmap(view->owned, view->length);
    } else {
        free(view->owned);
    }
    *view = (struct file_view){NULL, 0, NULL, false};
}

bool file_program_folder(char *path, size_t size, struct error *error) {
    const ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length <= 0 || (size_t)length == size - 1) {
        return fail(error, "/proc/self/exe cannot be read");
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0'; // but for that of the root
    return true;
}
