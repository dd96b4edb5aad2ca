// The ids that have come, from the decisions or from the images, and what is known of each.
#include "challenge/decisions.h"

#include "image/image.h"
#include "program/die.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct decisions decisions_open(const char *path, size_t max_record) {
    struct decisions decisions = {.name = NULL};
    if (path != NULL) {
        decisions.reader = stream_open_or_die(path, KIND_DECISIONS, max_record);
        decisions.name = strcmp(path, "-") == 0 ? "stdin" : path;
    }
    return decisions;
}

// Adds an id; false where it is there already.
static bool add(struct decisions *decisions, struct text id, enum decision decision) {
    struct error error;
    size_t place = 0;
    bool added = false;
    if (!ids_add(&decisions->ids, id, &place, &added, &error)) {
        die("%s", error.text);
    }
    if (!added) {
        return false;
    }
    if (place >= decisions->capacity) {
        decisions->capacity = decisions->capacity > 0 ? 2 * decisions->capacity : 1024;
        decisions->at = realloc(decisions->at, decisions->capacity);
        if (decisions->at == NULL) {
            die("no memory for %zu decisions", decisions->capacity);
        }
    }
    decisions->at[place] = (unsigned char)decision;
    return true;
}

// False at the end.
static bool read_one(struct decisions *decisions) {
    struct record record;
    struct error error;
    int64_t keep = 0;
    int64_t area = 0;
    if (!stream_read(decisions->reader, &record)) {
        return false;
    }
    if (!record_integer(&record, "keep", &keep, &error)) {
        stream_die(decisions->reader, &error);
    }
    if (keep != 0 && keep != 1) {
        (void)fail(&error, "%.*s: 'keep' is %" PRId64 ", and must be 0 or 1", TEXT_ARG(record.id),
                   keep);
        stream_die(decisions->reader, &error);
    }
    if (!record_integer(&record, "area", &area, &error)) {
        stream_die(decisions->reader, &error);
    }
    // What is kept has pixels of a lesion: classify keeps areas above a limit of 0 or more.
    if (area < keep || area > (int64_t)IMAGE_MAX_PIXELS) {
        (void)fail(&error, "%.*s: 'area' is %" PRId64 ", with a 'keep' of %" PRId64,
                   TEXT_ARG(record.id), area, keep);
        stream_die(decisions->reader, &error);
    }
    if (!add(decisions, record.id, keep == 1 ? DECISION_KEEP : DECISION_EMPTY)) {
        (void)fail(&error, "a second decision for '%.*s'", TEXT_ARG(record.id));
        stream_die(decisions->reader, &error);
    }
    return true;
}

enum decision decisions_take(struct decisions *decisions, struct text id) {
    if (decisions->reader == NULL) {
        return add(decisions, id, DECISION_USED) ? DECISION_KEEP : DECISION_USED;
    }
    size_t place = ids_find(&decisions->ids, id);
    while (place == IDS_ABSENT) {
        if (!read_one(decisions)) {
            die("%s: no decision for '%.*s'", decisions->name, TEXT_ARG(id));
        }
        place = ids_find(&decisions->ids, id);
    }
    const enum decision decision = (enum decision)decisions->at[place];
    decisions->at[place] = DECISION_USED;
    return decision;
}

void decisions_close(struct decisions *decisions) {
    size_t left = 0;
    struct text first = {NULL, 0};
    while (decisions->reader != NULL && read_one(decisions)) {
    }
    for (size_t i = 0; i < decisions->ids.count; i++) {
        if (decisions->at[i] != DECISION_USED) {
            first = left++ == 0 ? decisions->ids.at[i] : first;
        }
    }
    if (left > 0) {
        die("%s: %zu %s for images that did not come (the first: '%.*s')", decisions->name, left,
            left == 1 ? "decision" : "decisions", TEXT_ARG(first));
    }
    stream_close(decisions->reader);
    ids_free(&decisions->ids);
    free(decisions->at);
}
