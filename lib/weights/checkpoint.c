// Reading the weights of a checkpoint.
#include "weights/checkpoint.h"

#include "core/numbers/fp16.h"
#include "stream/reader.h"

#include <stdlib.h>
#include <string.h>

static bool copy_numbers(const struct tensor *tensor, float *values, size_t count,
                         struct error *error) {
    switch (tensor->type) {
    case DTYPE_F4: memcpy(values, tensor->data, count * sizeof *values); return true;
    case DTYPE_F2: fp16_read(values, tensor->data, count); return true;
    case DTYPE_F8:
        for (size_t i = 0; i < count; i++) {
            double number;
            memcpy(&number, (const char *)tensor->data + i * sizeof number, sizeof number);
            values[i] = (float)number;
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

// Behind the stream that had the state there is only what the optimiser remembers, two thirds of
// the file and more: it is not read.
bool checkpoint_read(const char *path, struct weight_table *table, struct error *error) {
    struct record record;
    struct stream_reader *reader = stream_open(path, (size_t)1 << 30, error);
    if (reader == NULL) {
        return false;
    }
    enum stream_status status = STREAM_END;
    uint64_t stream_of_state = UINT64_MAX; // none yet
    bool whole = false;
    bool read = strcmp(stream_kind(reader), KIND_WEIGHTS) == 0 ||
                fail(error, "%s: holds %s, not weights", path, stream_kind(reader));
    while (read && !whole && (status = stream_next(reader, &record, error)) == STREAM_RECORD) {
        stream_of_state =
            text_is(record.id, CHECKPOINT_STATE) ? stream_number(reader) : stream_of_state;
        whole =
            stream_number(reader) > stream_of_state && text_begins(record.id, CHECKPOINT_OPTIMIZER);
        read = read_record(table, &record, error) || fail_within(error, "%s", stream_place(reader));
    }
    stream_close(reader);
    return read && (whole || status == STREAM_END);
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
