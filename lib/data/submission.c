// One row of the submission at a time, against the truth's rows of the same id.
#include "data/submission.h"

#include <inttypes.h>
#include <stdlib.h>

// Ids that are wrong in one way: how many, and the first of them.
struct wrong {
    size_t count;
    uint64_t line;
    struct text id;
};

struct comparison {
    const struct labels *truth;
    size_t height, width;
    struct overlap *overlaps;
    bool *seen;
    struct runs lesion, prediction;
    struct wrong repeated, surplus;
    struct texts texts; // of their ids
};

static bool note(struct comparison *comparison, struct wrong *wrong, struct text id, uint64_t line,
                 struct error *error) {
    if (wrong->count++ > 0) {
        return true;
    }
    wrong->line = line;
    return texts_keep(&comparison->texts, id, &wrong->id, error);
}

static bool compare_row(struct comparison *comparison, struct csv *csv, struct text id,
                        struct text runs, struct error *error) {
    struct runs *prediction = &comparison->prediction;
    const struct labels *truth = comparison->truth;
    const size_t place = ids_find(&truth->ids, id);
    prediction->count = 0;
    if (runs.length > 0 && !runs_parse(prediction, runs.at, runs.length, comparison->height,
                                       comparison->width, error)) {
        return fail_within(error, "%s: line %" PRIu64 ": %.*s", csv_name(csv), csv_line(csv),
                           TEXT_ARG(id));
    }
    if (place == IDS_ABSENT) {
        return note(comparison, &comparison->surplus, id, csv_line(csv), error);
    }
    if (comparison->seen[place]) {
        return note(comparison, &comparison->repeated, id, csv_line(csv), error);
    }
    comparison->seen[place] = true;
    struct runs *lesion = &comparison->lesion;
    if (!labels_unite(truth, place, comparison->height, comparison->width, lesion, error)) {
        return false;
    }
    comparison->overlaps[place] = (struct overlap){.truth = runs_area(lesion),
                                                   .prediction = runs_area(prediction),
                                                   .both = runs_common(lesion, prediction)};
    return true;
}

static bool compare_rows(struct comparison *comparison, struct csv *csv, struct error *error) {
    struct text id;
    struct text runs;
    enum csv_status status;
    while ((status = labels_next(csv, &id, &runs, error)) == CSV_ROW) {
        if (!compare_row(comparison, csv, id, runs, error)) {
            return false;
        }
    }
    return status == CSV_END;
}

static const char *plural(size_t count) {
    return count == 1 ? "id" : "ids";
}

static bool refuse_wrong(const struct wrong *wrong, const char *how, const char *name,
                         struct error *error) {
    return fail(error, "%s: %zu %s %s (the first: '%.*s' in line %" PRIu64 ")", name, wrong->count,
                plural(wrong->count), how, TEXT_ARG(wrong->id), wrong->line);
}

static bool check_ids(const struct comparison *comparison, const char *name, struct error *error) {
    const struct ids *ids = &comparison->truth->ids;
    size_t missing = 0;
    size_t first = 0;
    if (comparison->repeated.count > 0) {
        return refuse_wrong(&comparison->repeated, "more than once", name, error);
    }
    if (comparison->surplus.count > 0) {
        return refuse_wrong(&comparison->surplus, "that the truth lacks", name, error);
    }
    for (size_t i = 0; i < ids->count; i++) {
        if (!comparison->seen[i]) {
            first = missing == 0 ? i : first;
            missing++;
        }
    }
    return missing == 0 || fail(error, "%s: %zu %s of the truth missing (the first: '%.*s')", name,
                                missing, plural(missing), TEXT_ARG(ids->at[first]));
}

bool submission_compare(const struct labels *truth, const char *path, size_t height, size_t width,
                        struct overlap *overlaps, struct error *error) {
    struct csv *csv = labels_open(path, true, error);
    if (csv == NULL) {
        return false;
    }
    struct comparison comparison = {.truth = truth,
                                    .height = height,
                                    .width = width,
                                    .overlaps = overlaps,
                                    .seen = calloc(truth->ids.count + 1, sizeof(bool))};
    const bool compared =
        comparison.seen == NULL
            ? fail(error, "no memory for %zu images", truth->ids.count)
            : compare_rows(&comparison, csv, error) && check_ids(&comparison, csv_name(csv), error);
    texts_free(&comparison.texts);
    runs_free(&comparison.lesion);
    runs_free(&comparison.prediction);
    free(comparison.seen);
    csv_close(csv);
    return compared;
}
