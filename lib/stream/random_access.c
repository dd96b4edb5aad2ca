// pread and the parser of streams, and deep copies into the same kind of memory.
#include "stream/random_access.h"

#include "core/array.h"
#include "stream/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool reserve_bytes(struct loaded_record *loaded, size_t needed, struct error *error) {
    if (needed <= loaded->capacity) {
        return true;
    }
    free(loaded->bytes);
    loaded->capacity = 0;
    loaded->bytes = malloc(needed);
    if (loaded->bytes == NULL) {
        return fail(error, "no memory for a record of %zu bytes", needed);
    }
    loaded->capacity = needed;
    return true;
}

static bool file_has(int descriptor, uint64_t offset, uint64_t length, struct error *error) {
    struct stat status;
    uint64_t end = 0;
    if (fstat(descriptor, &status) != 0) {
        return fail(error, "%s", strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(error, "not a regular file");
    }
    if (__builtin_add_overflow(offset, length, &end) || end > (uint64_t)status.st_size) {
        return fail(error, "%" PRIu64 " bytes at byte %" PRIu64 " lie beyond its end", length,
                    offset);
    }
    return true;
}

static bool read_bytes(int descriptor, uint64_t offset, unsigned char *bytes, size_t length,
                       struct error *error) {
    for (size_t done = 0; done < length;) {
        const ssize_t got = pread(descriptor, bytes + done, length - done, (off_t)(offset + done));
        if (got == 0) {
            return fail(error, "it ends in the middle of a record");
        }
        if (got < 0 && errno != EINTR) {
            return fail(error, "%s", strerror(errno));
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool load_bytes(struct loaded_record *loaded, int descriptor, uint64_t offset,
                       uint64_t length, struct error *error) {
    return file_has(descriptor, offset, length, error) &&
           reserve_bytes(loaded, (size_t)length, error) &&
           read_bytes(descriptor, offset, loaded->bytes, (size_t)length, error);
}

// Parses the object that fills the loaded bytes.
static bool parse_bytes(struct loaded_record *loaded, uint64_t length, struct error *error) {
    size_t used = 0;
    const enum tokens_status status =
        tokens_read(&loaded->tokens, loaded->bytes, (size_t)length, &used, error);
    if (status == TOKENS_BAD) {
        return false;
    }
    if (status == TOKENS_MORE || used != length) {
        return fail(error, "the object there is not one of %" PRIu64 " bytes", length);
    }
    return parse_object(&loaded->parsed, &loaded->tokens, error);
}

bool record_read_at(struct loaded_record *loaded, int descriptor,
                    const struct record_location *location, struct error *error) {
    if (!load_bytes(loaded, descriptor, location->offset, location->length, error)) {
        return false;
    }
    if (digest_of(loaded->bytes, (size_t)location->length) != location->digest) {
        return fail(error, "damaged: the hash (xxh3) does not match the bytes of '%.*s'",
                    TEXT_ARG(location->id));
    }
    if (!parse_bytes(loaded, location->length, error)) {
        return false;
    }
    if (loaded->parsed.kind != OBJECT_RECORD ||
        !text_equal(loaded->parsed.record.id, location->id)) {
        return fail(error, "not the record of '%.*s'", TEXT_ARG(location->id));
    }
    loaded->record = loaded->parsed.record;
    return true;
}

static bool find_hash(const struct parsed *parsed, uint64_t *hash) {
    const struct value *value = record_find(&parsed->record, "xxh3");
    if (parsed->kind != OBJECT_END || value == NULL) {
        return false;
    }
    *hash = value->type == VALUE_INTEGER ? (uint64_t)value->integer : value->natural;
    return value->type == VALUE_INTEGER || value->type == VALUE_UNSIGNED;
}

bool stream_end_mark_read_at(int descriptor, uint64_t offset, uint64_t *hash, struct error *error) {
    struct loaded_record *loaded = calloc(1, sizeof *loaded);
    struct stat status;
    if (loaded == NULL) {
        return fail(error, "no memory");
    }
    bool done = false;
    if (fstat(descriptor, &status) != 0) {
        (void)fail(error, "%s", strerror(errno));
    } else if (load_bytes(loaded, descriptor, offset, (uint64_t)status.st_size - offset, error) &&
               parse_bytes(loaded, (uint64_t)status.st_size - offset, error)) {
        done = find_hash(&loaded->parsed, hash) || fail(error, "its end mark is malformed");
    }
    loaded_record_free(loaded);
    free(loaded);
    return done;
}

// ---- copies

// What a record needs besides its fields.
struct record_size {
    size_t bytes, values;
};

static void measure(struct record_size *size, const struct value *value) {
    switch (value->type) {
    case VALUE_TEXT: size->bytes += value->text.length; break;
    case VALUE_TENSOR: size->bytes += value->tensor->bytes; break;
    case VALUE_LIST:
        size->values += value->list.count;
        for (size_t i = 0; i < value->list.count; i++) {
            measure(size, &value->list.items[i]);
        }
        break;
    default: break;
    }
}

static const void *keep_bytes(struct loaded_record *copy, size_t *used, const void *bytes,
                              size_t length) {
    unsigned char *kept = copy->bytes + *used;
    if (length > 0) {
        memcpy(kept, bytes, length);
    }
    *used += length;
    return kept;
}

static struct text keep_text(struct loaded_record *copy, size_t *used, struct text text) {
    return (struct text){keep_bytes(copy, used, text.bytes, text.length), text.length};
}

static struct value keep_value(struct loaded_record *copy, size_t *used,
                               const struct value *value) {
    struct parsed *parsed = &copy->parsed;
    if (value->type == VALUE_TEXT) {
        return value_text(keep_text(copy, used, value->text));
    }
    if (value->type == VALUE_TENSOR) {
        struct tensor *tensor = &parsed->tensors[parsed->tensor_count++];
        *tensor = *value->tensor;
        tensor->data = keep_bytes(copy, used, tensor->data, tensor->bytes);
        return value_tensor(tensor);
    }
    if (value->type == VALUE_LIST) {
        struct value *items = copy->values + copy->value_count;
        copy->value_count += value->list.count;
        for (size_t i = 0; i < value->list.count; i++) {
            items[i] = keep_value(copy, used, &value->list.items[i]);
        }
        return value_list(items, value->list.count);
    }
    return *value;
}

static bool reserve_memory(struct loaded_record *copy, const struct record *record,
                           struct error *error) {
    struct record_size size = {record->id.length + 1, 1}; // empty ones, too, have to lie somewhere
    for (size_t i = 0; i < record->count; i++) {
        size.bytes += record->fields[i].name.length;
        measure(&size, &record->fields[i].value);
    }
    struct value *values =
        array_grow(copy->values, &copy->value_capacity, size.values, sizeof *values);
    if (values == NULL) {
        return fail(error, "no memory for a record of %zu values", size.values);
    }
    copy->values = values;
    return reserve_bytes(copy, size.bytes, error);
}

bool record_copy(struct loaded_record *copy, const struct record *record, struct error *error) {
    struct parsed *parsed = &copy->parsed;
    size_t used = 0;
    if (!reserve_memory(copy, record, error)) {
        return false;
    }
    parsed->tensor_count = copy->value_count = 0;
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        parsed->fields[i].name = keep_text(copy, &used, field->name);
        parsed->fields[i].value = keep_value(copy, &used, &field->value);
    }
    parsed->field_count = record->count;
    copy->record =
        (struct record){keep_text(copy, &used, record->id), record->count, parsed->fields};
    return true;
}

void loaded_record_free(struct loaded_record *loaded) {
    free(loaded->bytes);
    tokens_free(&loaded->tokens);
    free(loaded->values);
    loaded->bytes = NULL;
    loaded->values = NULL;
    loaded->capacity = loaded->value_capacity = 0;
}
