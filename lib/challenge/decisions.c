// The ids that have come, from the decisions or from the images, and what is known of each.
#include "challenge/decisions.h"

#include "core/array.h"
#include "image/image.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool decisions_open(struct decisions *decisions, const char *path, size_t max_record,
                    struct error *error) {
    *decisions = (struct decisions){.name = NULL};
    if (path == NULL) {
        return true;
    }
    decisions->reader = stream_open_kind(path, KIND_DECISIONS, max_record, error);
    decisions->name = strcmp(path, "-") == 0 ? "stdin" : path;
    return decisions->reader != NULL;
}

// Adds an id; *added: whether it was not there.
static bool add(struct decisions *decisions, struct text id, enum decision decision, bool *added,
                struct error *error) {
    size_t index = 0;
    if (!ids_add(&decisions->ids, id, &index, added, error)) {
        return false;
    }
    if (!*added) {
        return true;
    }
    unsigned char *values = array_grow(decisions->values, &decisions->capacity, index + 1, 1);
    if (values == NULL) {
        return fail(error, "no memory for %zu decisions", index + 1);
    }
    decisions->values = values;
    decisions->values[index] = (unsigned char)decision;
    return true;
}

static bool take_record(struct decisions *decisions, const struct record *record,
                        struct error *error) {
    int64_t keep = 0;
    int64_t area = 0;
    bool added = false;
    if (!record_integer(record, "keep", &keep, error)) {
        return false;
    }
    if (keep != 0 && keep != 1) {
        return fail(error, "%.*s: 'keep' is %" PRId64 ", and must be 0 or 1", TEXT_ARG(record->id),
                    keep);
    }
    if (!record_integer(record, "area", &area, error)) {
        return false;
    }
    // What is kept has pixels of a lesion: classify keeps areas above a limit of 0 or more.
    if (area < keep || area > (int64_t)IMAGE_MAX_PIXELS) {
        return fail(error, "%.*s: 'area' is %" PRId64 ", with a 'keep' of %" PRId64,
                    TEXT_ARG(record->id), area, keep);
    }
    return add(decisions, record->id, keep == 1 ? DECISION_KEEP : DECISION_EMPTY, &added, error) &&
           (added || fail(error, "a second decision for '%.*s'", TEXT_ARG(record->id)));
}

static enum stream_status read_one(struct decisions *decisions, struct error *error) {
    struct record record;
    const enum stream_status status = stream_next(decisions->reader, &record, error);
    if (status == STREAM_RECORD && !take_record(decisions, &record, error)) {
        (void)fail_within(error, "%s", stream_place(decisions->reader));
        return STREAM_FAILED;
    }
    return status;
}

bool decisions_take(struct decisions *decisions, struct text id, enum decision *decision,
                    struct error *error) {
    if (decisions->reader == NULL) {
        bool added = false;
        const bool good = add(decisions, id, DECISION_USED, &added, error);
        *decision = added ? DECISION_KEEP : DECISION_USED;
        return good;
    }
    size_t index = ids_find(&decisions->ids, id);
    while (index == IDS_ABSENT) {
        const enum stream_status status = read_one(decisions, error);
        if (status == STREAM_END) {
            return fail(error, "%s: no decision for '%.*s'", decisions->name, TEXT_ARG(id));
        }
        if (status == STREAM_FAILED) {
            return false;
        }
        index = ids_find(&decisions->ids, id);
    }
    *decision = (enum decision)decisions->values[index];
    decisions->values[index] = DECISION_USED;
    return true;
}

bool decisions_end(struct decisions *decisions, struct error *error) {
    size_t left = 0;
    struct text first = {NULL, 0};
    enum stream_status status = decisions->reader != NULL ? STREAM_RECORD : STREAM_END;
    while (status == STREAM_RECORD) {
        status = read_one(decisions, error);
    }
    for (size_t i = 0; i < decisions->ids.count; i++) {
        if (decisions->values[i] != DECISION_USED) {
            first = left++ == 0 ? decisions->ids.items[i] : first;
        }
    }
    return status == STREAM_END &&
           (left == 0 ||
            fail(error, "%s: %zu %s for images that did not come (the first: '%.*s')",
                 decisions->name, left, left == 1 ? "decision" : "decisions", TEXT_ARG(first)));
}

void decisions_free(struct decisions *decisions) {
    stream_close(decisions->reader);
    ids_free(&decisions->ids);
    free(decisions->values);
}
