// Files by pread; pipes, which cannot be read by offset, as bytes in memory.
#include "weights/source.h"

#include "core/array.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PIPE ((size_t)4 << 30) // bytes

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

bool weight_source_open(struct weight_source *source, const char *path, struct error *error) {
    struct stat status;
    *source = (struct weight_source){.descriptor = open(path, O_RDONLY | O_CLOEXEC)};
    if (source->descriptor < 0 || fstat(source->descriptor, &status) != 0) {
        return fail(error, "%s", strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(error, "is a directory");
    }
    source->pipe = !S_ISREG(status.st_mode);
    source->length = source->pipe ? 0 : (uint64_t)status.st_size;
    return read_some(source->descriptor, source->head, WEIGHT_SOURCE_HEAD, &source->head_length,
                     error);
}

struct weight_source weight_source_of_bytes(const unsigned char *bytes, size_t length) {
    struct weight_source source = {.descriptor = -1,
                                   .bytes = bytes,
                                   .length = length,
                                   .head_length =
                                       length < WEIGHT_SOURCE_HEAD ? length : WEIGHT_SOURCE_HEAD};
    memcpy(source.head, bytes, source.head_length);
    return source;
}

bool weight_source_complete(struct weight_source *source, struct error *error) {
    size_t capacity = 0;
    size_t got = 0;
    if (!source->pipe || source->owned != NULL) {
        return true;
    }
    source->length = source->head_length;
    do {
        if (capacity == MAX_PIPE) {
            return fail(error, "has %zu bytes or more, which is too much for a pipe", MAX_PIPE);
        }
        const bool first = capacity == 0;
        const size_t needed = first ? 2 * WEIGHT_SOURCE_HEAD : capacity + 1;
        unsigned char *grown = array_grow_within(source->owned, &capacity, needed, 1, MAX_PIPE);
        if (grown == NULL) {
            return fail(error, "no memory for more than its first %zu bytes", capacity);
        }
        source->owned = grown;
        if (first) {
            memcpy(source->owned, source->head, source->head_length);
        }
        if (!read_some(source->descriptor, source->owned + source->length,
                       capacity - source->length, &got, error)) {
            return false;
        }
        source->length += got;
    } while (source->length == capacity);
    source->bytes = source->owned;
    return true;
}

void weight_source_close(struct weight_source *source) {
    if (source->descriptor >= 0) {
        (void)close(source->descriptor);
    }
    free(source->owned);
    *source = (struct weight_source){.descriptor = -1};
}

bool weight_source_read(const struct weight_source *source, uint64_t offset, void *to,
                        size_t length, struct error *error) {
    size_t done = 0;
    if (offset > source->length || length > source->length - offset) {
        return fail(error, "cut short");
    }
    if (source->bytes != NULL) {
        memcpy(to, source->bytes + offset, length);
        return true;
    }
    while (done < length) {
        const ssize_t got = pread(source->descriptor, (unsigned char *)to + done, length - done,
                                  (off_t)(offset + done));
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

const unsigned char *weight_source_take(const struct weight_source *source, uint64_t offset,
                                        uint64_t length, struct arena *arena, struct error *error) {
    if (offset > source->length || length > source->length - offset) {
        (void)fail(error, "cut short");
        return NULL;
    }
    if (source->bytes != NULL) {
        return source->bytes + offset;
    }
    unsigned char *bytes = arena_take(arena, length, error);
    return bytes != NULL && weight_source_read(source, offset, bytes, length, error) ? bytes : NULL;
}
