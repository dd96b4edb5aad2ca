// Rows beside a set of ids.
#include "program/survey/tally.h"

#include "core/array.h"

#include <stdlib.h>
#include <string.h>

static bool reserve(struct tally *tally, struct error *error) {
    const size_t needed = tally->keys.count + 1;
    struct tally_row *rows = array_grow(tally->rows, &tally->capacity, needed, sizeof *rows);
    if (rows == NULL) {
        return fail(error, "no memory for %zu counts", needed);
    }
    tally->rows = rows;
    return true;
}

static bool add(struct tally *tally, const char *key, const char *name, size_t count,
                const char *example, struct error *error) {
    size_t index = 0;
    bool added = false;
    if (!reserve(tally, error) || !ids_add(&tally->keys, text_of(key), &index, &added, error)) {
        return false;
    }
    struct tally_row *row = &tally->rows[index];
    if (added) {
        *row = (struct tally_row){.count = 0};
        if (!texts_keep(&tally->texts, text_of(name), &row->name, error)) {
            return false;
        }
    }
    row->count += count;
    tally->total += count;
    return row->example.bytes != NULL || example == NULL ||
           texts_keep(&tally->texts, text_of(example), &row->example, error);
}

bool tally_add(struct tally *tally, const char *name, size_t count, const char *example,
               struct error *error) {
    return add(tally, name, name, count, example, error);
}

// Replaces what a number is by one '#': decimal digits, and the hexadecimal ones of a DICOM tag in
// parentheses.
static void mask_numbers(char *text) {
    char *to = text;
    bool tag = false;
    for (const char *cursor = text; *cursor != '\0';) {
        size_t digits = strspn(cursor, tag ? "0123456789abcdef" : "0123456789");
        const bool dotted = cursor[digits] == '.' || (cursor > text && cursor[-1] == '.');
        if (digits > 0 && !dotted) {
            *to++ = '#';
            cursor += digits;
            continue;
        }
        for (digits += digits == 0; digits > 0; digits--) {
            tag = *cursor == '(' || (tag && *cursor != ')');
            *to++ = *cursor++;
        }
    }
    *to = '\0';
}

bool tally_add_message(struct tally *tally, const char *message, size_t count, const char *example,
                       struct error *error) {
    struct error key;
    (void)fail(&key, "%s", message);
    mask_numbers(key.text);
    return add(tally, key.text, message, count, example, error);
}

static int by_count(const void *a, const void *b) {
    const struct tally_row *x = a;
    const struct tally_row *y = b;
    return (x->count < y->count) - (x->count > y->count);
}

// An insertion for each row: there are few, and most come in order; qsort is not stable.
void tally_sort(struct tally *tally) {
    for (size_t i = 1; i < tally->keys.count; i++) {
        const struct tally_row row = tally->rows[i];
        size_t j = i;
        for (; j > 0 && by_count(&tally->rows[j - 1], &row) > 0; j--) {
            tally->rows[j] = tally->rows[j - 1];
        }
        tally->rows[j] = row;
    }
}

void tally_free(struct tally *tally) {
    ids_free(&tally->keys);
    texts_free(&tally->texts);
    free(tally->rows);
    *tally = (struct tally){.total = 0};
}
