// Values, tensors and records: making them and finding things in them.
#include "stream/record.h"

#include <string.h>

static const struct {
    const char *code;
    size_t size;
} dtypes[DTYPE_COUNT] = {
    [DTYPE_U1] = {"|u1", 1}, [DTYPE_U2] = {"<u2", 2}, [DTYPE_I4] = {"<i4", 4},
    [DTYPE_I8] = {"<i8", 8}, [DTYPE_F2] = {"<f2", 2}, [DTYPE_F4] = {"<f4", 4},
    [DTYPE_F8] = {"<f8", 8},
};

const char *dtype_code(enum dtype type) {
    return dtypes[type].code;
}

size_t dtype_size(enum dtype type) {
    return dtypes[type].size;
}

struct text text_of(const char *terminated) {
    return (struct text){terminated, strlen(terminated)};
}

bool text_equal(struct text a, struct text b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

bool text_is(struct text text, const char *terminated) {
    return text_equal(text, text_of(terminated));
}

int text_compare(struct text a, struct text b) {
    const size_t common = a.length < b.length ? a.length : b.length;
    const int order = common > 0 ? memcmp(a.at, b.at, common) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

struct value value_integer(int64_t integer) {
    return (struct value){.type = VALUE_INTEGER, .integer = integer};
}

struct value value_number(double number) {
    return (struct value){.type = VALUE_NUMBER, .number = number};
}

struct value value_text(struct text text) {
    return (struct value){.type = VALUE_TEXT, .text = text};
}

struct value value_list(const struct value *items, size_t count) {
    return (struct value){.type = VALUE_LIST, .list = {items, count}};
}

struct value value_tensor(const struct tensor *tensor) {
    return (struct value){.type = VALUE_TENSOR, .tensor = tensor};
}

struct tensor tensor_plane(enum dtype type, size_t height, size_t width, const void *data) {
    return (struct tensor){.type = type,
                           .rank = 2,
                           .shape = {height, width},
                           .data = data,
                           .bytes = height * width * dtype_size(type)};
}

const struct value *record_find(const struct record *record, const char *name) {
    for (size_t i = 0; i < record->count; i++) {
        if (text_is(record->fields[i].name, name)) {
            return &record->fields[i].value;
        }
    }
    return NULL;
}

bool record_tensor(const struct record *record, const char *name, size_t rank,
                   const struct tensor **tensor, struct error *error) {
    const struct value *value = record_find(record, name);
    if (value == NULL) {
        return fail(error, "%.*s: no '%s' in it", TEXT_ARG(record->id), name);
    }
    if (value->type != VALUE_TENSOR || (rank > 0 && value->tensor->rank != rank)) {
        return fail(error, "%.*s: '%s' is not a tensor of rank %zu", TEXT_ARG(record->id), name,
                    rank);
    }
    *tensor = value->tensor;
    return true;
}

bool record_integer(const struct record *record, const char *name, int64_t *integer,
                    struct error *error) {
    const struct value *value = record_find(record, name);
    if (value == NULL || value->type != VALUE_INTEGER) {
        return fail(error, "%.*s: no whole number '%s' in it", TEXT_ARG(record->id), name);
    }
    *integer = value->integer;
    return true;
}
