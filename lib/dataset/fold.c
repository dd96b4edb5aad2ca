// Sorting, torch's permutation, and a contiguous piece of it for validation.
#include "dataset/fold.h"

#include "core/numbers/random.h"
#include "core/text/ascii.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool fold_parse(struct fold *fold, const char *text, struct error *error) {
    char *end = NULL;
    unsigned long values[2] = {0, 0};
    const char *cursor = text;
    errno = 0;
    for (int i = 0; i < 2; i++) {
        if (!ascii_is_digit(*cursor)) {
            return fail(error, "'%s': a fold is written K/N, such as 0/10", text);
        }
        values[i] = strtoul(cursor, &end, 10);
        if (*end != (i == 0 ? '/' : 0) || errno != 0) {
            return fail(error, "'%s': a fold is written K/N, such as 0/10", text);
        }
        cursor = end + 1;
    }
    if (values[1] < 2 || values[1] > UINT16_MAX) {
        return fail(error, "'%s': from 2 to %d folds", text, UINT16_MAX);
    }
    if (values[0] >= values[1]) {
        return fail(error, "'%s': folds count from 0: K is from 0 to %lu", text, values[1] - 1);
    }
    *fold = (struct fold){values[0], values[1]};
    return true;
}

struct named {
    struct text id;
    uint32_t index;
};

static int by_id(const void *a, const void *b) {
    return text_compare(((const struct named *)a)->id, ((const struct named *)b)->id);
}

static bool sort_ids(struct named *sorted, const struct text *ids, size_t count,
                     struct error *error) {
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct named){ids[i], (uint32_t)i};
    }
    qsort(sorted, count, sizeof *sorted, by_id);
    for (size_t i = 1; i < count; i++) {
        if (text_equal(sorted[i - 1].id, sorted[i].id)) {
            return fail(error, "the id '%.*s' is there twice", TEXT_ARG(sorted[i].id));
        }
    }
    return true;
}

// Keeps of `order`, a permutation of the sorted ids, the positions that belong to the split.
static size_t pick(uint32_t *order, size_t count, const struct named *sorted, struct fold fold,
                   enum split split) {
    const size_t first = count * fold.index / fold.count;
    const size_t behind = count * (fold.index + 1) / fold.count;
    size_t selected = 0;
    for (size_t i = 0; i < count; i++) {
        const bool validates = first <= i && i < behind;
        if (validates == (split == SPLIT_VAL)) {
            order[selected++] = sorted[order[i]].index;
        }
    }
    return selected;
}

bool fold_order(const struct text *ids, size_t count, struct fold fold, enum split split,
                uint32_t *order, size_t *selected, struct error *error) {
    // 32-bit indices; and count * folds must fit a size_t.
    if (count > UINT32_MAX) {
        return fail(error, "more than %u images", UINT32_MAX);
    }
    struct named *sorted = malloc((count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return fail(error, "no memory for %zu ids", count);
    }
    const bool unique = sort_ids(sorted, ids, count, error);
    if (unique && split == SPLIT_ALL) {
        for (size_t i = 0; i < count; i++) {
            order[i] = (uint32_t)i;
        }
        *selected = count;
    } else if (unique) {
        random_torch_permutation(order, count, FOLD_SEED);
        *selected = pick(order, count, sorted, fold, split);
    }
    free(sorted);
    return unique;
}
