// Streams and shard folders in turn.
#include "program/streams/sources.h"

#include "program/die.h"
#include "program/streams/streams.h"

#include <stdlib.h>
#include <string.h>

// ---- opening

static void open_folder(struct source *source, size_t max_record) {
    struct error error;
    source->catalog = calloc(1, sizeof *source->catalog);
    if (source->catalog == NULL) {
        die("no memory");
    }
    source->catalog->max_record = max_record;
    if (!catalog_add(source->catalog, source->path, &error)) {
        die("%s", error.text);
    }
}

// `kind`: what is wanted, or NULL. Returns what the source holds.
static const char *open_source(struct sources *sources, struct source *source, const char *kind,
                               size_t max_record) {
    const bool samples = kind == NULL || strcmp(kind, KIND_SAMPLES) == 0;
    if (samples && catalog_source_type(source->path) == CATALOG_SOURCE_FOLDER) {
        open_folder(source, max_record);
        history_add_all(&sources->history, &source->catalog->history);
        return KIND_SAMPLES;
    }
    source->reader = stream_open_or_die(source->path, kind, max_record);
    history_add_all(&sources->history, stream_history(source->reader));
    return stream_kind(source->reader);
}

void sources_open(struct sources *sources, char *const *paths, size_t count, const char *kind,
                  size_t max_record) {
    *sources = (struct sources){.count = count > 0 ? count : 1, .kind = kind};
    sources->items = calloc(sources->count, sizeof *sources->items);
    if (sources->items == NULL) {
        die("no memory for %zu streams", count);
    }
    for (size_t i = 0; i < sources->count; i++) {
        sources->items[i].path = count > 0 ? paths[i] : "-";
        sources->kind = open_source(sources, &sources->items[i], sources->kind, max_record);
    }
}

// ---- reading

static bool read_source(struct sources *sources, struct record *record) {
    struct source *source = &sources->items[sources->current];
    struct error error;
    if (source->reader != NULL) {
        return stream_read(source->reader, record);
    }
    if (source->next == source->catalog->ids.count) {
        return false;
    }
    if (!catalog_read(source->catalog, source->next, &sources->loaded, &error)) {
        die("%s", error.text);
    }
    source->next++;
    *record = sources->loaded.record;
    return true;
}

bool sources_read(struct sources *sources, struct record *record) {
    while (!read_source(sources, record)) {
        if (sources->current + 1 == sources->count) {
            return false;
        }
        sources->current++;
    }
    return true;
}

bool sources_pause(const struct sources *sources) {
    const struct stream_reader *reader = sources->items[sources->current].reader;
    return reader != NULL && stream_pauses(reader);
}

const char *sources_path(const struct sources *sources) {
    const char *path = sources->items[sources->current].path;
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

void sources_die(struct sources *sources, const struct error *error) {
    const struct source *source = &sources->items[sources->current];
    struct error placed = *error;
    if (source->reader != NULL) {
        stream_die(source->reader, error);
    }
    if (source->next > 0) {
        (void)catalog_fail(source->catalog, source->next - 1, &placed);
    }
    die("%s", placed.text);
}

void sources_close(struct sources *sources) {
    for (size_t i = 0; i < sources->count; i++) {
        struct source *source = &sources->items[i];
        stream_close(source->reader);
        if (source->catalog != NULL) {
            catalog_free(source->catalog);
            free(source->catalog);
        }
    }
    free(sources->items);
    loaded_record_free(&sources->loaded);
    *sources = (struct sources){.items = NULL};
}
