// Reading the weights of a checkpoint.
#include "weights/checkpoint.h"

#include "core/numbers/fp16.h"
#include "stream/digest.h"
#include "stream/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHECKPOINT_MAX_RECORD ((size_t)1 << 30) // bytes
#define RECORD_WORDS 1024 // bytes of a record beside its numbers, more than there are

static bool copy_numbers(const struct tensor *tensor, float *values, size_t count,
                         struct error *error) {
    switch (tensor->type) {
    case DTYPE_F4: memcpy(values, tensor->data, count * sizeof *values); return true;
    case DTYPE_F2: fp16_read(values, tensor->data, count); return true;
    case DTYPE_F8:
        for (size_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, (const char *)tensor->data + i * sizeof value, sizeof value);
            values[i] = (float)value;
        }
        return true;
    default: return fail(error, "weights of type %s", dtype_code(tensor->type));
    }
}

static bool read_state(struct weight_table *table, const struct record *record,
                       struct error *error) {
    const struct value *network = record_find(record, "network");
    const struct value *side = record_find(record, "side");
    if (network != NULL && network->type == VALUE_TEXT && table->network == NULL) {
        table->network = strndup(network->text.bytes, network->text.length);
        if (table->network == NULL) {
            return fail(error, "no memory");
        }
    }
    if (side != NULL && side->type == VALUE_INTEGER) {
        table->side = side->integer;
    }
    return true;
}

static bool read_record(struct weight_table *table, const struct record *record,
                        struct error *error) {
    const struct tensor *tensor = NULL;
    if (text_is(record->id, CHECKPOINT_STATE)) {
        return read_state(table, record, error);
    }
    if (text_begins(record->id, CHECKPOINT_OPTIMIZER)) {
        return true;
    }
    if (!record_tensor(record, CHECKPOINT_VALUE, 0, &tensor, error)) {
        return false;
    }
    struct weight *weight = weight_table_add(table, record->id, tensor->rank, tensor->shape, error);
    return weight != NULL && copy_numbers(tensor, weight->values, weight->count, error);
}

// Whether nothing but what the optimiser remembers follows `record`, the first of that: it has as
// many arrays of each parameter's numbers as the record has fields. It is two thirds of the file
// and more, so its length is compared, and it is not read.
static bool check_rest(const char *path, const struct stream_reader *reader,
                       const struct weight_table *table, const struct record *record,
                       struct error *error) {
    struct stat status;
    uint64_t most = 0;
    for (size_t i = 0; i < table->count; i++) {
        most += table->weights[i].count * record->count * sizeof(float) + RECORD_WORDS;
    }
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size - stream_record_offset(reader) <= most) {
        return true;
    }
    return fail(error, "another network stands behind what an optimiser remembers, which several "
                       "networks in one file must not have: take best.mpk of each");
}

// The table of a network that begins behind another one.
static bool next_table(struct weight_table *tables, size_t limit, size_t *count,
                       struct error *error) {
    if (*count == limit) {
        return limit == 1 ? fail(error, "another network begins here, and a file of one is wanted: "
                                        "`weights --nth N` takes one out")
                          : fail(error, "another network begins here, and %zu are the most", limit);
    }
    tables[*count].bytes_left = tables[*count - 1].bytes_left;
    (*count)++;
    return true;
}

bool checkpoint_read(const char *path, struct weight_table *tables, size_t limit, size_t *count,
                     struct error *error) {
    struct record record;
    struct stream_reader *reader = stream_open(path, CHECKPOINT_MAX_RECORD, error);
    *count = 1;
    if (reader == NULL) {
        return false;
    }
    enum stream_status status = STREAM_END;
    uint64_t stream_of_state = UINT64_MAX; // of the last network: none yet
    bool whole = false;
    bool read = strcmp(stream_kind(reader), KIND_WEIGHTS) == 0 ||
                fail(error, "%s: holds %s, not weights", path, stream_kind(reader));
    while (read && !whole && (status = stream_next(reader, &record, error)) == STREAM_RECORD) {
        const bool behind = stream_number(reader) > stream_of_state;
        whole = behind && text_begins(record.id, CHECKPOINT_OPTIMIZER);
        if (whole) {
            read = check_rest(path, reader, &tables[*count - 1], &record, error);
        } else if (behind) {
            read = next_table(tables, limit, count, error);
            stream_of_state = UINT64_MAX;
        }
        read = read && read_record(&tables[*count - 1], &record, error);
        read = read || fail_within(error, "%s", stream_place(reader));
        stream_of_state =
            text_is(record.id, CHECKPOINT_STATE) ? stream_number(reader) : stream_of_state;
    }
    stream_close(reader);
    return read && (whole || status == STREAM_END);
}

// Takes the network of a state; of several in the file, where they differ, none.
static void describe_state(struct weights_description *description, const struct record *record,
                           bool first) {
    char network[sizeof description->network] = "";
    const struct value *value = record_find(record, "network");
    if (value != NULL && value->type == VALUE_TEXT) {
        (void)snprintf(network, sizeof network, "%.*s", TEXT_ARG(value->text));
    }
    if (first) {
        memcpy(description->network, network, sizeof network);
    } else if (strcmp(description->network, network) != 0) {
        description->network[0] = 0;
    }
}

static enum stream_status describe(struct stream_reader *reader,
                                   struct weights_description *description, struct error *error) {
    struct record record;
    bool first = true;
    enum stream_status status;
    while ((status = stream_next(reader, &record, error)) == STREAM_RECORD) {
        if (text_is(record.id, CHECKPOINT_STATE)) {
            describe_state(description, &record, first);
            first = false;
        }
    }
    return status;
}

bool checkpoint_describe(const char *path, struct weights_description *description,
                         struct error *error) {
    bool good = false;
    struct digest *digest = digest_new();
    struct stream_reader *reader =
        stream_open_kind(path, KIND_WEIGHTS, CHECKPOINT_MAX_RECORD, error);
    if (reader != NULL && digest != NULL) {
        stream_hash_all(reader, digest);
        good = describe(reader, description, error) == STREAM_END;
        description->digest = digest_value(digest);
    } else if (reader != NULL) {
        (void)fail(error, "%s: no memory", path);
    }
    stream_close(reader);
    digest_free(digest);
    return good;
}

static bool write_all(struct stream_writer *writer, const struct weight_table *table,
                      struct error *error) {
    struct field state[2];
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct weight *weight = &table->weights[i];
        struct tensor tensor = {.type = DTYPE_F4,
                                .rank = weight->rank,
                                .data = weight->values,
                                .bytes = weight->count * sizeof(float)};
        memcpy(tensor.shape, weight->shape, weight->rank * sizeof *tensor.shape);
        const struct field field = {text_of(CHECKPOINT_VALUE), value_tensor(&tensor)};
        const struct record record = {text_of(weight->name), 1, &field};
        if (!stream_add(writer, &record, error)) {
            return false;
        }
    }
    if (table->network != NULL) {
        state[count++] = (struct field){text_of("network"), value_text(text_of(table->network))};
    }
    if (table->side > 0) {
        state[count++] = (struct field){text_of("side"), value_integer(table->side)};
    }
    const struct record record = {text_of(CHECKPOINT_STATE), count, state};
    return stream_add(writer, &record, error);
}

bool checkpoint_write(struct sink sink, const struct weight_table *table,
                      const struct history *history, struct error *error) {
    struct stream_writer *writer = stream_begin(sink, KIND_WEIGHTS, history, error);
    if (writer == NULL || !write_all(writer, table, error)) {
        stream_abandon(writer);
        return false;
    }
    stream_finish(writer);
    return true;
}
