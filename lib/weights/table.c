// Tables of named tensors.
#include "weights/table.h"

#include "core/array.h"
#include "core/text/utf8.h"
#include "weights/checkpoint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow(struct weight_table *table, struct error *error) {
    if (table->count < table->capacity) {
        return true;
    }
    if (table->count == WEIGHTS_MAX_COUNT) {
        return fail(error, "more than %d tensors", WEIGHTS_MAX_COUNT);
    }
    struct weight *grown =
        array_grow(table->weights, &table->capacity, table->count + 1, sizeof *grown);
    if (grown == NULL) {
        return fail(error, "no memory");
    }
    table->weights = grown;
    return true;
}

// A name must do as the id of a checkpoint's record.
static bool check_name(struct text name, struct error *error) {
    const size_t prefix = strlen(CHECKPOINT_OPTIMIZER);
    if (name.length == 0 || name.length > RECORD_MAX_NAME ||
        memchr(name.bytes, 0, name.length) != NULL || !utf8_valid(name.bytes, name.length)) {
        return fail(error, "'%.*s' is no name for a tensor: 1 to %d bytes of UTF-8", TEXT_ARG(name),
                    RECORD_MAX_NAME);
    }
    if (text_is(name, CHECKPOINT_STATE) ||
        (name.length >= prefix && memcmp(name.bytes, CHECKPOINT_OPTIMIZER, prefix) == 0)) {
        return fail(error, "'%.*s' as a tensor's name: a checkpoint uses it for itself",
                    TEXT_ARG(name));
    }
    return true;
}

// Counts the numbers of a shape and takes their bytes from those that the table has left.
static bool take_bytes(struct weight_table *table, struct weight *weight, struct error *error) {
    size_t bytes = 0;
    weight->count = 1;
    for (size_t i = 0; i < weight->rank; i++) {
        if (weight->shape[i] == 0) {
            weight->count = 0;
            return true;
        }
    }
    for (size_t i = 0; i < weight->rank; i++) {
        if (__builtin_mul_overflow(weight->count, weight->shape[i], &weight->count)) {
            return fail(error, "its shape has more numbers than memory");
        }
    }
    if (__builtin_mul_overflow(weight->count, sizeof *weight->values, &bytes) ||
        bytes > table->bytes_left) {
        return fail(error, "its %zu numbers are more than a file of this size may ask for",
                    weight->count);
    }
    table->bytes_left -= bytes;
    return true;
}

struct weight *weight_table_add(struct weight_table *table, struct text name, size_t rank,
                                const size_t *shape, struct error *error) {
    struct weight weight = {.rank = rank};
    if (!check_name(name, error) || !grow(table, error)) {
        return NULL;
    }
    memcpy(weight.shape, shape, rank * sizeof *shape);
    if (!take_bytes(table, &weight, error)) {
        (void)fail_within(error, "'%.*s'", TEXT_ARG(name));
        return NULL;
    }
    weight.name = strndup(name.bytes, name.length);
    weight.values = calloc(weight.count + 1, sizeof *weight.values);
    if (weight.name == NULL || weight.values == NULL) {
        (void)fail(error, "no memory");
        free(weight.name);
        free(weight.values);
        return NULL;
    }
    table->weights[table->count] = weight;
    return &table->weights[table->count++];
}

// ---- names

static int by_name(const void *a, const void *b) {
    const struct weight *const *one = a;
    const struct weight *const *other = b;
    return strcmp((*one)->name, (*other)->name);
}

static int compare_name(const void *name, const void *element) {
    const struct weight *const *weight = element;
    return strcmp(name, (*weight)->name);
}

bool weight_table_close(struct weight_table *table, struct error *error) {
    table->index = calloc(table->count + 1, sizeof(const struct weight *));
    if (table->index == NULL) {
        return fail(error, "no memory");
    }
    for (size_t i = 0; i < table->count; i++) {
        table->index[i] = &table->weights[i];
    }
    qsort(table->index, table->count, sizeof(const struct weight *), by_name);
    for (size_t i = 1; i < table->count; i++) {
        if (strcmp(table->index[i - 1]->name, table->index[i]->name) == 0) {
            return fail(error, "'%.200s' is there twice", table->index[i]->name);
        }
    }
    return true;
}

const struct weight *weight_table_find(const struct weight_table *table, const char *name) {
    if (table->index == NULL) {
        return NULL;
    }
    const struct weight *const *found =
        bsearch(name, table->index, table->count, sizeof(const struct weight *), compare_name);
    return found != NULL ? *found : NULL;
}

// ---- what a file says of itself

bool weight_table_describe(struct weight_table *table, const char *network, const char *side,
                           struct error *error) {
    char *end = NULL;
    errno = 0;
    const long long pixels = side != NULL ? strtoll(side, &end, 10) : -1;
    if (network == NULL || pixels < 0 || pixels > 65535 || errno != 0 || end == side || *end != 0) {
        return true;
    }
    table->side = pixels;
    if (table->network == NULL) {
        table->network = strdup(network);
    }
    return table->network != NULL || fail(error, "no memory");
}

// ---- notes

void weight_table_note(struct weight_table *table, const char *format, ...) {
    char text[1000];
    va_list arguments;
    if (table->note_count == WEIGHTS_MAX_NOTES) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    table->notes[table->note_count] = strdup(text);
    table->note_count += table->notes[table->note_count] != NULL;
}

void weight_table_say(const struct weight_table *table, const char *path) {
    for (size_t i = 0; i < table->note_count; i++) {
        warn("%s: %s", path, table->notes[i]);
    }
}

void weight_drop_values(struct weight *weight) {
    free(weight->values);
    weight->values = NULL;
}

void weight_table_free(struct weight_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        free(table->weights[i].name);
        weight_drop_values(&table->weights[i]);
    }
    for (size_t i = 0; i < table->note_count; i++) {
        free(table->notes[i]);
    }
    free(table->weights);
    free(table->index);
    free(table->network);
    *table = (struct weight_table){.count = 0};
}
