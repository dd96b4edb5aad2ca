// Reading and writing .safetensors.
#include "weights/safetensors/safetensors.h"

#include "core/text/name_list.h"
#include "weights/safetensors/header.h"
#include "weights/types.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER ((uint64_t)100 << 20) // bytes
#define MAX_MEMBER ((size_t)16 << 10)    // of the text that tells one tensor's type and offsets
#define PIECE (16 << 10)                 // bytes of numbers that are read at once

// One tensor of the header.
struct tensor_span {
    struct text name;
    const char *foreign; // why it is left out, or NULL
    enum weight_type type;
    size_t rank, shape[TENSOR_MAX_RANK];
    uint64_t start, end; // of its bytes, behind the header
};

// The types of the format. Those that have no type of ours are left out of a table, by name.
static const struct {
    const char *name;
    enum weight_type type;
    size_t bits;
} types[] = {
    {"F32", WEIGHT_F32, 32},          {"F64", WEIGHT_F64, 64},
    {"F16", WEIGHT_F16, 16},          {"BF16", WEIGHT_BF16, 16},
    {"I64", WEIGHT_I64, 64},          {"I32", WEIGHT_I32, 32},
    {"I16", WEIGHT_I16, 16},          {"I8", WEIGHT_I8, 8},
    {"U64", WEIGHT_U64, 64},          {"U32", WEIGHT_U32, 32},
    {"U16", WEIGHT_U16, 16},          {"U8", WEIGHT_U8, 8},
    {"BOOL", WEIGHT_BOOL, 8},         {"C64", WEIGHT_C64, 64},
    {"F8_E4M3", WEIGHT_TYPES, 8},     {"F8_E5M2", WEIGHT_TYPES, 8},
    {"F8_E8M0", WEIGHT_TYPES, 8},     {"F8_E4M3FNUZ", WEIGHT_TYPES, 8},
    {"F8_E5M2FNUZ", WEIGHT_TYPES, 8}, {"F6_E2M3", WEIGHT_TYPES, 6},
    {"F6_E3M2", WEIGHT_TYPES, 6},     {"F4", WEIGHT_TYPES, 4},
};
#define TYPES (sizeof types / sizeof *types)

// ---- the header

static bool read_natural(const json_t *value, uint64_t *number) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *number = (uint64_t)json_integer_value(value);
    return true;
}

// The shape, and how many bits it takes.
static bool read_shape(const json_t *shape, struct tensor_span *entry, uint64_t *bits) {
    entry->rank = json_array_size(shape);
    for (size_t i = 0; i < entry->rank; i++) {
        uint64_t side = 0;
        if (!read_natural(json_array_get(shape, i), &side) ||
            __builtin_mul_overflow(*bits, side, bits)) {
            return false;
        }
        if (i < TENSOR_MAX_RANK) {
            entry->shape[i] = side;
        }
    }
    if (entry->rank > TENSOR_MAX_RANK) {
        entry->foreign = "more than 8 sides";
    }
    return json_is_array(shape);
}

static bool read_type(const json_t *value, struct tensor_span *entry, uint64_t *bits,
                      struct error *error) {
    const char *name = json_string_value(value);
    for (size_t i = 0; name != NULL && i < TYPES; i++) {
        if (strcmp(name, types[i].name) == 0) {
            entry->type = types[i].type;
            entry->foreign = types[i].type < WEIGHT_TYPES ? NULL : types[i].name;
            *bits = types[i].bits;
            return true;
        }
    }
    return fail(error, "'%.*s' has a type that is not known: %.20s", TEXT_ARG(entry->name),
                name != NULL ? name : "none");
}

static bool read_entry(const json_t *value, struct tensor_span *entry, struct error *error) {
    const json_t *offsets = json_object_get(value, "data_offsets");
    uint64_t bits = 0;
    if (!read_type(json_object_get(value, "dtype"), entry, &bits, error)) {
        return false;
    }
    if (!read_shape(json_object_get(value, "shape"), entry, &bits) ||
        json_array_size(offsets) != 2 || !read_natural(json_array_get(offsets, 0), &entry->start) ||
        !read_natural(json_array_get(offsets, 1), &entry->end) || entry->start > entry->end) {
        return fail(error, "'%.*s' has no shape, or no place", TEXT_ARG(entry->name));
    }
    if ((entry->end - entry->start) != bits / 8 || bits % 8 != 0) {
        return fail(error,
                    "'%.*s' lies at %" PRIu64 " to %" PRIu64 ", which is not its shape's size",
                    TEXT_ARG(entry->name), entry->start, entry->end);
    }
    return true;
}

// The header's members, each read on its own: as a whole its JSON would take many times its size.
static bool read_members(struct safetensors_header *header, struct tensor_span **entries,
                         size_t *count, struct weight_table *table, struct error *error) {
    struct safetensors_member member;
    size_t capacity = 0;
    while (safetensors_next(header, &member, error)) {
        if (member.name.bytes == NULL) {
            return true;
        }
        const bool metadata = text_is(member.name, "__metadata__");
        if (*count == WEIGHTS_MAX_COUNT) {
            return fail(error, "more than %d tensors", WEIGHTS_MAX_COUNT);
        }
        if (member.value.length > MAX_MEMBER) {
            if (metadata) {
                continue;
            }
            return fail(error, "'%.*s' has no shape, or no place", TEXT_ARG(member.name));
        }
        json_error_t problem;
        json_t *value = json_loadb(member.value.bytes, member.value.length,
                                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
        struct tensor_span entry = {.name = member.name};
        struct tensor_span *grown =
            arena_grow(header->arena, *entries, *count, &capacity, sizeof entry, error);
        bool read = grown != NULL;
        if (read) {
            *entries = grown;
            read = value != NULL || fail(error, "its header is no JSON: '%.*s': %.100s",
                                         TEXT_ARG(member.name), problem.text);
        }
        if (read && metadata) {
            read =
                weight_table_describe(table, json_string_value(json_object_get(value, "network")),
                                      json_string_value(json_object_get(value, "side")), error);
        } else if (read) {
            read = read_entry(value, &entry, error);
            (*entries)[(*count)++] = entry;
        }
        json_decref(value);
        if (!read) {
            return false;
        }
    }
    return false;
}

// ---- the tensors

static int by_start(const void *a, const void *b) {
    const struct tensor_span *one = a;
    const struct tensor_span *other = b;
    if (one->start != other->start) {
        return one->start < other->start ? -1 : 1;
    }
    return one->end < other->end ? -1 : one->end > other->end;
}

// Tensors fill the bytes without gap and overlap, as the format asks.
static bool check_spans(struct tensor_span *entries, size_t count, uint64_t length,
                        struct error *error) {
    uint64_t offset = 0;
    if (count > 0) {
        qsort(entries, count, sizeof *entries, by_start);
    }
    for (size_t i = 0; i < count; i++) {
        if (entries[i].start != offset) {
            return fail(error, "'%.*s' starts at %" PRIu64 ", where %" PRIu64 " comes next",
                        TEXT_ARG(entries[i].name), entries[i].start, offset);
        }
        offset = entries[i].end;
    }
    return offset <= length
               ? offset == length ||
                     fail(error, "%" PRIu64 " bytes belong to no tensor", length - offset)
               : fail(error,
                      "cut short: its header tells of %" PRIu64
                      " bytes of numbers, and there are %" PRIu64,
                      offset, length);
}

static bool add_entry(const struct weight_source *source, uint64_t data,
                      const struct tensor_span *entry, struct weight_table *table,
                      struct error *error) {
    unsigned char piece[PIECE];
    const size_t size = weight_type_size(entry->type);
    struct weight *weight = weight_table_add(table, entry->name, entry->rank, entry->shape, error);
    if (weight == NULL) {
        return false;
    }
    for (size_t done = 0; done < weight->count;) {
        const size_t left = weight->count - done;
        const size_t count = left < sizeof piece / size ? left : sizeof piece / size;
        if (!weight_source_read(source, data + entry->start + done * size, piece, count * size,
                                error)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            weight->values[done + i] = weight_type_read(entry->type, piece + i * size);
        }
        done += count;
    }
    return true;
}

static bool add_entries(const struct weight_source *source, uint64_t data,
                        const struct tensor_span *entries, size_t count, struct weight_table *table,
                        struct error *error) {
    struct name_list left = {0};
    for (size_t i = 0; i < count; i++) {
        const struct tensor_span *entry = &entries[i];
        if (entry->foreign != NULL) {
            name_list_add(&left, entry->name.bytes, entry->name.length, entry->foreign);
        } else if (!add_entry(source, data, entry, table, error)) {
            return false;
        }
    }
    if (left.count > 0) {
        weight_table_note(table, "left out: %s", name_list_end(&left));
    }
    return true;
}

static bool read_all(const struct weight_source *source, struct arena *arena,
                     struct weight_table *table, struct error *error) {
    uint64_t length = 0;
    struct tensor_span *entries = NULL;
    size_t count = 0;
    if (!weight_source_read(source, 0, &length, sizeof length, error)) {
        return false;
    }
    if (length > source->length - 8) {
        return fail(error,
                    "cut short, or no .safetensors: a header of %" PRIu64
                    " bytes in a file of %" PRIu64,
                    length, source->length);
    }
    if (length > MAX_HEADER) {
        return fail(error, "a header of %" PRIu64 " bytes", length);
    }
    const uint64_t data = 8 + length;
    struct safetensors_header header = {
        .bytes = (const char *)weight_source_take(source, 8, length, arena, error),
        .length = length,
        .arena = arena};
    if (header.bytes == NULL || !read_members(&header, &entries, &count, table, error) ||
        !check_spans(entries, count, source->length - data, error)) {
        return false;
    }
    table->bytes_left -= arena->used < table->bytes_left ? arena->used : table->bytes_left;
    return add_entries(source, data, entries, count, table, error);
}

bool safetensors_read(const struct weight_source *source, struct weight_table *table,
                      struct error *error) {
    struct arena arena = {.limit = table->bytes_left};
    const bool read = read_all(source, &arena, table, error);
    arena_free(&arena);
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

static json_t *header_of(const struct weight_table *table, struct error *error) {
    json_t *header = json_object();
    uint64_t offset = 0;
    if (table->network != NULL) {
        char side[24];
        (void)snprintf(side, sizeof side, "%" PRId64, table->side);
        (void)json_object_set_new(header, "__metadata__",
                                  json_pack("{s:s, s:s}", "network", table->network, "side", side));
    }
    for (size_t i = 0; i < table->count; i++) {
        if (json_object_set_new(header, table->weights[i].name,
                                entry_of(&table->weights[i], offset)) != 0) {
            (void)fail(error, "'%s' cannot be written as JSON", table->weights[i].name);
            json_decref(header);
            return NULL;
        }
        offset += table->weights[i].count * sizeof(float);
    }
    return header;
}

bool safetensors_write(struct sink sink, const struct weight_table *table, struct error *error) {
    json_t *header = header_of(table, error);
    if (header == NULL) {
        return false;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (text == NULL) {
        return fail(error, "no memory");
    }
    const size_t length = strlen(text);
    const size_t padding = (8 - length % 8) % 8; // the tensors start at a multiple of 8
    const uint64_t whole = length + padding;
    sink_write(&sink, &whole, sizeof whole);
    sink_write(&sink, text, length);
    sink_write(&sink, "       ", padding);
    for (size_t i = 0; i < table->count; i++) {
        sink_write(&sink, table->weights[i].values, table->weights[i].count * sizeof(float));
    }
    free(text);
    return true;
}
