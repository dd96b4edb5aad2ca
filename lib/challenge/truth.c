// Labels, looked up.
#include "challenge/truth.h"

#include <stdlib.h>

bool truth_find(struct truth *truth, const struct record *record, struct error *error) {
    const struct labels *labels = truth->labels;
    size_t height = 0;
    size_t width = 0;
    const size_t index = ids_find(&labels->ids, record->id);
    if (truth->seen == NULL) {
        truth->seen = calloc(labels->ids.count + 1, 1);
    }
    if (truth->seen == NULL) {
        return fail(error, "no memory for %zu images", labels->ids.count);
    }
    if (index == IDS_ABSENT) {
        return fail(error, "%.*s: %s has no such image", TEXT_ARG(record->id), labels->name);
    }
    if (truth->seen[index]++ != 0) {
        return fail(error, "'%.*s' a second time", TEXT_ARG(record->id));
    }
    if (truth->sizes != NULL && !sizes_find(truth->sizes, record->id, &truth->lesions.height,
                                            &truth->lesions.width, error)) {
        return false;
    }
    return size_of_record(record, &height, &width, error) &&
           lesions_unite(&truth->lesions, labels, index, height, width, error);
}

size_t truth_missing(const struct truth *truth, struct text *first) {
    size_t count = 0;
    for (size_t i = 0; i < truth->labels->ids.count; i++) {
        if (truth->seen == NULL || truth->seen[i] == 0) {
            *first = count++ == 0 ? truth->labels->ids.items[i] : *first;
        }
    }
    return count;
}

void truth_free(struct truth *truth) {
    lesions_free(&truth->lesions);
    free(truth->seen);
}
