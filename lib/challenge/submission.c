// One row of the submission at a time, against the truth's rows of the same id.
#include "challenge/submission.h"

#include "challenge/lesions.h"

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
    const struct sizes *sizes; // of the images
    const struct submission_scores *scores;
    bool *seen;
    struct lesions lesions; // the truth's
    struct runs prediction;
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

static bool compare_masks(struct comparison *comparison, size_t index, size_t height, size_t width,
                          struct error *error) {
    const struct runs *lesion = &comparison->lesions.runs;
    const struct runs *prediction = &comparison->prediction;
    if (!lesions_unite(&comparison->lesions, comparison->truth, index, height, width, error)) {
        return false;
    }
    comparison->scores->overlaps[index] = (struct overlap){.truth = runs_area(lesion),
                                                           .prediction = runs_area(prediction),
                                                           .both = runs_common(lesion, prediction),
                                                           .pixels = (uint64_t)height * width};
    const struct submission_scores *scores = comparison->scores;
    return scores->contours == NULL ||
           contours_compare(&scores->contours[index], lesion, prediction, height, width,
                            scores->tolerance, error);
}

static bool compare_row(struct comparison *comparison, struct csv *csv, struct text id,
                        struct text runs, struct error *error) {
    struct runs *prediction = &comparison->prediction;
    const size_t index = ids_find(&comparison->truth->ids, id);
    size_t height = 0;
    size_t width = 0;
    if (index == IDS_ABSENT) {
        return note(comparison, &comparison->surplus, id, csv_line(csv), error);
    }
    if (comparison->seen[index]) {
        return note(comparison, &comparison->repeated, id, csv_line(csv), error);
    }
    comparison->seen[index] = true;
    prediction->count = 0;
    if (!sizes_find(comparison->sizes, id, &height, &width, error)) {
        return false;
    }
    if (runs.length > 0 && !runs_parse(prediction, runs.bytes, runs.length, height, width, error)) {
        return fail_within(error, "%s: line %" PRIu64 ": %.*s", csv_name(csv), csv_line(csv),
                           TEXT_ARG(id));
    }
    return compare_masks(comparison, index, height, width, error);
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
                                missing, plural(missing), TEXT_ARG(ids->items[first]));
}

bool submission_compare(const struct labels *truth, const char *path,
                        const struct submission_sizes *sizes,
                        const struct submission_scores *scores, struct error *error) {
    struct csv *csv = labels_open(path, true, error);
    if (csv == NULL) {
        return false;
    }
    struct comparison comparison = {
        .truth = truth,
        .sizes = &sizes->images,
        .lesions = {.height = sizes->truth.height, .width = sizes->truth.width},
        .scores = scores,
        .seen = calloc(truth->ids.count + 1, sizeof(bool))};
    const bool compared =
        comparison.seen == NULL
            ? fail(error, "no memory for %zu images", truth->ids.count)
            : compare_rows(&comparison, csv, error) && check_ids(&comparison, csv_name(csv), error);
    texts_free(&comparison.texts);
    lesions_free(&comparison.lesions);
    runs_free(&comparison.prediction);
    free(comparison.seen);
    csv_close(csv);
    return compared;
}
