// Reading and writing .safetensors.
#include "weights/safetensors.h"

#include "weights/numbers.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_HEADER ((size_t)16 << 20) // bytes

// One tensor of the header.
struct entry {
    const char *name;
    enum number_type type;
    size_t rank, shape[TENSOR_MAX_RANK];
    uint64_t start, end; // of its bytes, behind the header
};

static bool type_named(const char *name, enum number_type *type) {
    static const char *const names[NUMBER_TYPES] = {"F32", "F64", "F16", "BF16", "I64",
                                                    "I32", "I16", "I8",  "U8"};
    for (size_t i = 0; i < NUMBER_TYPES; i++) {
        if (name != NULL && strcmp(name, names[i]) == 0) {
            *type = (enum number_type)i;
            return true;
        }
    }
    return false;
}

static bool read_natural(const json_t *value, uint64_t *number) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *number = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_entry(const char *name, const json_t *value, uint64_t data, struct entry *entry,
                       struct error *error) {
    const json_t *shape = json_object_get(value, "shape");
    const json_t *offsets = json_object_get(value, "data_offsets");
    const char *type = json_string_value(json_object_get(value, "dtype"));
    uint64_t count = 1;
    *entry = (struct entry){.name = name, .rank = json_array_size(shape)};
    if (!type_named(type, &entry->type)) {
        return fail(error, "'%.100s' has a type that is not known: %.20s", name,
                    type != NULL ? type : "none");
    }
    if (!json_is_array(shape) || entry->rank > TENSOR_MAX_RANK || json_array_size(offsets) != 2 ||
        !read_natural(json_array_get(offsets, 0), &entry->start) ||
        !read_natural(json_array_get(offsets, 1), &entry->end)) {
        return fail(error, "'%.100s' has no shape, or no place", name);
    }
    for (size_t i = 0; i < entry->rank; i++) {
        uint64_t side = 0;
        if (!read_natural(json_array_get(shape, i), &side) ||
            __builtin_mul_overflow(count, side, &count)) {
            return fail(error, "'%.100s' has a shape that is none", name);
        }
        entry->shape[i] = side;
    }
    if (entry->start > entry->end || entry->end > data || count > data ||
        (entry->end - entry->start) != count * number_size(entry->type)) {
        return fail(error,
                    "'%.100s' lies at %" PRIu64 " to %" PRIu64 " of %" PRIu64
                    " bytes, which is not its shape's size",
                    name, entry->start, entry->end, data);
    }
    return true;
}

static int by_start(const void *a, const void *b) {
    const struct entry *one = a;
    const struct entry *other = b;
    if (one->start != other->start) {
        return one->start < other->start ? -1 : 1;
    }
    return one->end < other->end ? -1 : one->end > other->end;
}

static bool add_entry(const struct entry *entry, const unsigned char *data,
                      struct weight_table *table, struct error *error) {
    const size_t size = number_size(entry->type);
    struct weight *weight =
        weight_table_add(table, text_of(entry->name), entry->rank, entry->shape, error);
    if (weight == NULL) {
        return false;
    }
    for (size_t i = 0; i < weight->count; i++) {
        weight->values[i] = number_read(entry->type, data + entry->start + i * size);
    }
    return true;
}

// Tensors fill the bytes without gap and overlap, as the format asks.
static bool add_entries(struct entry *entries, size_t count, const unsigned char *data,
                        uint64_t length, struct weight_table *table, struct error *error) {
    uint64_t at = 0;
    qsort(entries, count, sizeof *entries, by_start);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].start != at) {
            return fail(error, "'%.100s' starts at %" PRIu64 ", where %" PRIu64 " comes next",
                        entries[i].name, entries[i].start, at);
        }
        at = entries[i].end;
        if (!add_entry(&entries[i], data, table, error)) {
            return false;
        }
    }
    return at == length || fail(error, "%" PRIu64 " bytes belong to no tensor", length - at);
}

static void read_metadata(const json_t *metadata, struct weight_table *table) {
    const char *network = json_string_value(json_object_get(metadata, "network"));
    const char *side = json_string_value(json_object_get(metadata, "side"));
    if (network != NULL && table->network == NULL) {
        table->network = strdup(network);
    }
    if (side != NULL) {
        table->side = strtoll(side, NULL, 10);
    }
}

static bool read_header(json_t *header, const unsigned char *data, uint64_t length,
                        struct weight_table *table, struct error *error) {
    struct entry *entries = calloc(json_object_size(header) + 1, sizeof *entries);
    size_t count = 0;
    const char *name;
    json_t *value;
    bool read = entries != NULL || fail(error, "no memory");
    json_object_foreach(header, name, value) {
        if (read && strcmp(name, "__metadata__") == 0) {
            read_metadata(value, table);
        } else if (read) {
            read = read_entry(name, value, length, &entries[count++], error);
        }
    }
    read = read && add_entries(entries, count, data, length, table, error);
    free(entries);
    return read;
}

bool safetensors_read(const unsigned char *bytes, size_t length, struct weight_table *table,
                      struct error *error) {
    uint64_t header_length = 0;
    json_error_t problem;
    if (length < 8) {
        return fail(error, "cut short");
    }
    memcpy(&header_length, bytes, 8);
    if (header_length > length - 8 || header_length > LONGEST_HEADER) {
        return fail(error, "a header of %" PRIu64 " bytes in a file of %zu", header_length, length);
    }
    json_t *header =
        json_loadb((const char *)bytes + 8, header_length, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(header)) {
        json_decref(header);
        return fail(error, "its header is no JSON object: %.100s", problem.text);
    }
    const bool read =
        read_header(header, bytes + 8 + header_length, length - 8 - header_length, table, error);
    json_decref(header);
    return read;
}

// ---- writing

static json_t *entry_of(const struct weight *weight, uint64_t start) {
    json_t *shape = json_array();
    for (size_t i = 0; i < weight->rank; i++) {
        (void)json_array_append_new(shape, json_integer((json_int_t)weight->shape[i]));
    }
    const uint64_t end = start + weight->count * sizeof(float);
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                     (json_int_t)start, (json_int_t)end);
}

static json_t *header_of(const struct weight_table *table) {
    json_t *header = json_object();
    uint64_t at = 0;
    if (table->network != NULL) {
        char side[24];
        (void)snprintf(side, sizeof side, "%" PRId64, table->side);
        (void)json_object_set_new(header, "__metadata__",
                                  json_pack("{s:s, s:s}", "network", table->network, "side", side));
    }
    for (size_t i = 0; i < table->count; i++) {
        if (json_object_set_new(header, table->weights[i].name, entry_of(&table->weights[i], at)) !=
            0) {
            die("'%s' cannot be written as JSON", table->weights[i].name);
        }
        at += table->weights[i].count * sizeof(float);
    }
    return header;
}

void safetensors_write(struct output *output, const struct weight_table *table) {
    json_t *header = header_of(table);
    char *text = json_dumps(header, JSON_COMPACT);
    if (text == NULL) {
        die("no memory");
    }
    const size_t length = strlen(text);
    const size_t padding = (8 - length % 8) % 8; // the tensors start at a multiple of 8
    const uint64_t whole = length + padding;
    output_write(output, &whole, sizeof whole);
    output_write(output, text, length);
    output_write(output, "       ", padding);
    for (size_t i = 0; i < table->count; i++) {
        output_write(output, table->weights[i].values, table->weights[i].count * sizeof(float));
    }
    free(text);
    json_decref(header);
}
