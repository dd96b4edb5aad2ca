// Streams in turn.
#include "stream/sources.h"

#include <stdlib.h>
#include <string.h>

void sources_open(struct sources *sources, char *const *paths, size_t count, const char *kind,
                  size_t max_record) {
    *sources = (struct sources){.count = count > 0 ? count : 1, .paths = count > 0 ? paths : NULL};
    sources->readers = calloc(sources->count, sizeof(struct stream_reader *));
    if (sources->readers == NULL) {
        die("no memory for %zu streams", count);
    }
    for (size_t i = 0; i < sources->count; i++) {
        sources->readers[i] = stream_open_or_die(count > 0 ? paths[i] : "-", kind, max_record);
        history_add_all(&sources->history, stream_history(sources->readers[i]));
    }
}

bool sources_read(struct sources *sources, struct record *record) {
    while (!stream_read(sources->readers[sources->current], record)) {
        if (sources->current + 1 == sources->count) {
            return false;
        }
        sources->current++;
    }
    return true;
}

const char *sources_path(const struct sources *sources) {
    const char *path = sources->paths != NULL ? sources->paths[sources->current] : "-";
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

void sources_die(struct sources *sources, const struct error *error) {
    stream_die(sources->readers[sources->current], error);
}

void sources_close(struct sources *sources) {
    for (size_t i = 0; i < sources->count; i++) {
        stream_close(sources->readers[i]);
    }
    free(sources->readers);
    *sources = (struct sources){.readers = NULL};
}
