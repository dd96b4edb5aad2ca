// Tables of named tensors.
#include "weights/table.h"

#include <stdlib.h>
#include <string.h>

const struct weight *weight_table_find(const struct weight_table *table, const char *name) {
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->weights[i].name, name) == 0) {
            return &table->weights[i];
        }
    }
    return NULL;
}

static bool grow(struct weight_table *table, struct error *error) {
    if (table->count < table->capacity) {
        return true;
    }
    if (table->count == WEIGHTS_MAX_COUNT) {
        return fail(error, "more than %d tensors", WEIGHTS_MAX_COUNT);
    }
    const size_t capacity = table->capacity > 0 ? 2 * table->capacity : 64;
    struct weight *grown = realloc(table->weights, capacity * sizeof *grown);
    if (grown == NULL) {
        return fail(error, "no memory");
    }
    table->weights = grown;
    table->capacity = capacity;
    return true;
}

struct weight *weight_table_add(struct weight_table *table, struct text name, size_t rank,
                                const size_t *shape, struct error *error) {
    struct weight made = {.rank = rank, .count = 1};
    if (!grow(table, error)) {
        return NULL;
    }
    if (rank > TENSOR_MAX_RANK || memchr(name.at, 0, name.length) != NULL) {
        (void)fail(error, "'%.*s' is no name, or has more than %d sides", TEXT_ARG(name),
                   TENSOR_MAX_RANK);
        return NULL;
    }
    for (size_t i = 0; i < rank; i++) {
        made.shape[i] = shape[i];
        if (__builtin_mul_overflow(made.count, shape[i], &made.count)) {
            (void)fail(error, "'%.*s' is too large", TEXT_ARG(name));
            return NULL;
        }
    }
    if (made.count > WEIGHTS_MAX_NUMBERS || table->numbers > WEIGHTS_MAX_NUMBERS - made.count) {
        (void)fail(error, "'%.*s' is too large", TEXT_ARG(name));
        return NULL;
    }
    made.name = strndup(name.at, name.length);
    if (made.name != NULL && weight_table_find(table, made.name) != NULL) {
        (void)fail(error, "'%s' is there twice", made.name);
        free(made.name);
        return NULL;
    }
    made.values = calloc(made.count + 1, sizeof *made.values);
    if (made.name == NULL || made.values == NULL) {
        (void)fail(error, "no memory");
        free(made.name);
        free(made.values);
        return NULL;
    }
    table->numbers += made.count;
    table->weights[table->count] = made;
    return &table->weights[table->count++];
}

void weight_table_free(struct weight_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        free(table->weights[i].name);
        free(table->weights[i].values);
    }
    free(table->weights);
    free(table->network);
    *table = (struct weight_table){.count = 0};
}
