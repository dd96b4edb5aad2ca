// Names split off from bytes as these come.
#include "program/xray_files/names.h"

#include "core/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 << 10)
#define MAX_NAME ((size_t)1 << 20) // far above PATH_MAX: what is longer is no list of names

const char *names_next(struct names *names) {
    while (names->start < names->filled) {
        char *name = names->bytes + names->start;
        const size_t rest = names->filled - names->start;
        char *end = memchr(name, names->separator, rest);
        if (end == NULL && !names->ended) {
            return NULL;
        }
        end = end != NULL ? end : name + rest; // names_read keeps a byte free for the NUL
        *end = 0;
        names->start += (size_t)(end - name) + 1;
        if (name[0] != 0) {
            return name;
        }
    }
    return NULL;
}

bool names_read(struct names *names, struct error *error) {
    ssize_t got = 0;
    if (names->start > 0 && names->start < names->filled) {
        memmove(names->bytes, names->bytes + names->start, names->filled - names->start);
    }
    names->filled = names->start < names->filled ? names->filled - names->start : 0;
    names->start = 0;
    if (names->filled > MAX_NAME) {
        return fail(error, "stdin: a name of more than %zu bytes", MAX_NAME);
    }
    char *bytes = array_grow(names->bytes, &names->capacity, names->filled + READ_SIZE + 1, 1);
    if (bytes == NULL) {
        return fail(error, "no memory for names");
    }
    names->bytes = bytes;
    do {
        got = read(STDIN_FILENO, bytes + names->filled, READ_SIZE);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return fail(error, "stdin: %s", strerror(errno));
    }
    names->filled += (size_t)got;
    names->ended = got == 0;
    return true;
}

void names_free(struct names *names) {
    free(names->bytes);
    *names = (struct names){.separator = names->separator};
}
