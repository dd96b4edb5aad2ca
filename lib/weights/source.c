// Files by pread; pipes, which have no places, as bytes in memory.
#include "weights/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST_PIPE ((size_t)4 << 30) // bytes

// Reads until `length` bytes are there or the input ends; *got is how many came.
static bool read_some(int descriptor, unsigned char *to, size_t length, size_t *got,
                      struct error *error) {
    *got = 0;
    while (*got < length) {
        const ssize_t came = read(descriptor, to + *got, length - *got);
        if (came < 0 && errno != EINTR) {
            return fail(error, "%s", strerror(errno));
        }
        if (came == 0) {
            break;
        }
        *got += came > 0 ? (size_t)came : 0;
    }
    return true;
}

bool source_open(struct source *source, const char *path, struct error *error) {
    struct stat status;
    *source = (struct source){.descriptor = open(path, O_RDONLY | O_CLOEXEC)};
    if (source->descriptor < 0 || fstat(source->descriptor, &status) != 0) {
        return fail(error, "%s", strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(error, "is a directory");
    }
    source->pipe = !S_ISREG(status.st_mode);
    source->length = source->pipe ? 0 : (uint64_t)status.st_size;
    return read_some(source->descriptor, source->head, SOURCE_HEAD, &source->head_length, error);
}

struct source source_of(const unsigned char *bytes, size_t length) {
    struct source source = {.descriptor = -1,
                            .bytes = bytes,
                            .length = length,
                            .head_length = length < SOURCE_HEAD ? length : SOURCE_HEAD};
    memcpy(source.head, bytes, source.head_length);
    return source;
}

bool source_complete(struct source *source, struct error *error) {
    size_t size = 2 * SOURCE_HEAD;
    size_t got = 0;
    if (!source->pipe || source->owned != NULL) {
        return true;
    }
    source->owned = malloc(size);
    if (source->owned != NULL) {
        memcpy(source->owned, source->head, source->head_length);
        source->length = source->head_length;
    }
    while (source->owned != NULL) {
        if (!read_some(source->descriptor, source->owned + source->length, size - source->length,
                       &got, error)) {
            return false;
        }
        source->length += got;
        if (source->length < size) {
            source->bytes = source->owned;
            return true;
        }
        if (size >= LONGEST_PIPE) {
            return fail(error, "has more than %zu bytes, which is too much for a pipe",
                        LONGEST_PIPE);
        }
        size *= 2;
        unsigned char *larger = realloc(source->owned, size);
        if (larger == NULL) {
            free(source->owned);
        }
        source->owned = larger;
    }
    return fail(error, "no memory for its %zu bytes", size);
}

void source_close(struct source *source) {
    if (source->descriptor >= 0) {
        (void)close(source->descriptor);
    }
    free(source->owned);
    *source = (struct source){.descriptor = -1};
}

bool source_read(const struct source *source, uint64_t at, void *to, size_t length,
                 struct error *error) {
    size_t done = 0;
    if (at > source->length || length > source->length - at) {
        return fail(error, "cut short");
    }
    if (source->bytes != NULL) {
        memcpy(to, source->bytes + at, length);
        return true;
    }
    while (done < length) {
        const ssize_t got = pread(source->descriptor, (unsigned char *)to + done, length - done,
                                  (off_t)(at + done));
        if (got < 0 && errno != EINTR) {
            return fail(error, "%s", strerror(errno));
        }
        if (got == 0) {
            return fail(error, "becomes shorter while it is read");
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

const unsigned char *source_take(const struct source *source, uint64_t at, uint64_t length,
                                 struct arena *arena, struct error *error) {
    if (at > source->length || length > source->length - at) {
        (void)fail(error, "cut short");
        return NULL;
    }
    if (source->bytes != NULL) {
        return source->bytes + at;
    }
    unsigned char *bytes = arena_take(arena, length, error);
    return bytes != NULL && source_read(source, at, bytes, length, error) ? bytes : NULL;
}
