// Values, tensors and records: making them, finding things in them, checking them.
#include "stream/record.h"

#include "core/text/utf8.h"

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
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

bool text_is(struct text text, const char *terminated) {
    return text_equal(text, text_of(terminated));
}

bool text_begins(struct text text, const char *terminated) {
    const size_t length = strlen(terminated);
    return text.length >= length && memcmp(text.bytes, terminated, length) == 0;
}

int text_compare(struct text a, struct text b) {
    const size_t common = a.length < b.length ? a.length : b.length;
    const int order = common > 0 ? memcmp(a.bytes, b.bytes, common) : 0;
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
    if (value->type != VALUE_TENSOR) {
        return fail(error, "%.*s: '%s' is not a tensor", TEXT_ARG(record->id), name);
    }
    if (rank > 0 && value->tensor->rank != rank) {
        return fail(error, "%.*s: '%s' has rank %zu, and %zu is needed", TEXT_ARG(record->id), name,
                    value->tensor->rank, rank);
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

// ---- rules

static bool check_text(struct text text, struct error *error) {
    if (text.length > UINT32_MAX) {
        return fail(error, "a text of more than 4 GiB");
    }
    return utf8_valid(text.bytes, text.length) || fail(error, "a text that is not UTF-8");
}

// Sides of zero are left out of the first product: the others must fit into memory all the same.
static bool check_tensor(const struct tensor *tensor, struct error *error) {
    size_t span = dtype_size(tensor->type);
    size_t bytes = span;
    if (tensor->rank > TENSOR_MAX_RANK) {
        return fail(error, "a tensor of a rank above %d", TENSOR_MAX_RANK);
    }
    for (size_t i = 0; i < tensor->rank; i++) {
        const size_t side = tensor->shape[i];
        if (__builtin_mul_overflow(span, side > 0 ? side : 1, &span) || span > PTRDIFF_MAX) {
            return fail(error, "a tensor's shape is too large for any memory");
        }
        bytes = side > 0 ? bytes * side : 0;
    }
    if (bytes != tensor->bytes) {
        return fail(error, "a tensor's shape does not match its bytes (%zu are needed, %zu there)",
                    bytes, tensor->bytes);
    }
    return bytes <= UINT32_MAX || fail(error, "a tensor of more than 4 GiB");
}

static bool count_values(size_t *values, size_t more, struct error *error) {
    if (more > RECORD_MAX_VALUES - *values) {
        return fail(error, "more than %zu values in one record", RECORD_MAX_VALUES);
    }
    *values += more;
    return true;
}

// `nesting`: how many lists and maps are around it; *values: how many came before it.
static bool check_value(const struct value *value, size_t nesting, size_t *values,
                        struct error *error) {
    switch (value->type) {
    case VALUE_TEXT: return check_text(value->text, error);
    case VALUE_TENSOR:
        return check_tensor(value->tensor, error) &&
               count_values(values, 10 + value->tensor->rank, error);
    case VALUE_LIST:
        if (nesting == RECORD_MAX_NESTING) {
            return fail(error, "lists nested too deep");
        }
        if (!count_values(values, value->list.count, error)) {
            return false;
        }
        for (size_t i = 0; i < value->list.count; i++) {
            if (value->list.items[i].type == VALUE_TENSOR) {
                return fail(error, "a tensor in a list");
            }
            if (!check_value(&value->list.items[i], nesting + 1, values, error)) {
                return false;
            }
        }
        return true;
    default: return true;
    }
}

static bool check_name(struct text name, struct error *error) {
    if (name.length > RECORD_MAX_NAME) {
        return fail(error, "an id or a name of more than %d bytes", RECORD_MAX_NAME);
    }
    return utf8_valid(name.bytes, name.length) || fail(error, "an id or a name that is not UTF-8");
}

bool record_check(const struct record *record, struct error *error) {
    size_t values = 2 * record->count + 2;
    if (record->count > RECORD_MAX_FIELDS) {
        return fail(error, "more than %d names", RECORD_MAX_FIELDS);
    }
    if (!check_name(record->id, error)) {
        return false;
    }
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        if (!check_name(field->name, error)) {
            return false;
        }
        bool twice = text_is(field->name, "id");
        for (size_t j = 0; j < i && !twice; j++) {
            twice = text_equal(field->name, record->fields[j].name);
        }
        if (twice) {
            return fail(error, "'%.*s' twice", TEXT_ARG(field->name));
        }
        if (!check_value(&field->value, 1, &values, error)) {
            return fail_within(error, "'%.*s'", TEXT_ARG(field->name));
        }
    }
    return true;
}
