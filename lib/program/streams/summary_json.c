// JSON lines.
#include "program/streams/summary_json.h"

#include "program/json.h"
#include "stream/statistics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void put_text(struct output *output, struct text text) {
    json_text(output, text.bytes, text.length);
}

static void put_tensor(struct output *output, const struct tensor *tensor) {
    struct tensor_statistics statistics;
    const bool has_elements = tensor_statistics(tensor, &statistics);
    output_printf(output, "{\"type\": \"%s\", \"shape\": [", dtype_code(tensor->type));
    for (size_t i = 0; i < tensor->rank; i++) {
        output_printf(output, "%s%zu", i > 0 ? ", " : "", tensor->shape[i]);
    }
    output_text(output, "], \"min\": ");
    json_number(output, has_elements ? statistics.min : NAN);
    output_text(output, ", \"mean\": ");
    json_number(output, has_elements ? statistics.mean : NAN);
    output_text(output, ", \"max\": ");
    json_number(output, has_elements ? statistics.max : NAN);
    output_text(output, "}");
}

static void put_value(struct output *output, const struct value *value) {
    switch (value->type) {
    case VALUE_INTEGER: output_printf(output, "%" PRId64, value->integer); break;
    case VALUE_UNSIGNED: output_printf(output, "%" PRIu64, value->natural); break;
    case VALUE_NUMBER: json_number(output, value->number); break;
    case VALUE_TEXT: put_text(output, value->text); break;
    case VALUE_LIST:
        output_text(output, "[");
        for (size_t i = 0; i < value->list.count; i++) {
            output_text(output, i > 0 ? ", " : "");
            put_value(output, &value->list.items[i]);
        }
        output_text(output, "]");
        break;
    case VALUE_TENSOR: put_tensor(output, value->tensor); break;
    }
}

void summary_json_header(struct output *output, const char *path, const char *kind,
                         const struct history *history) {
    output_text(output, "{\"file\": ");
    put_text(output, text_of(path));
    output_printf(output, ", \"pleura\": %d, \"kind\": ", STREAM_VERSION);
    put_text(output, text_of(kind));
    output_text(output, ", \"history\": [");
    for (size_t i = 0; i < history->count; i++) {
        output_text(output, i > 0 ? ", " : "");
        put_text(output, history->lines[i]);
    }
    output_text(output, "]}\n");
}

void summary_json_record(struct output *output, const struct record *record) {
    output_text(output, "{\"id\": ");
    put_text(output, record->id);
    for (size_t i = 0; i < record->count; i++) {
        output_text(output, ", ");
        put_text(output, record->fields[i].name);
        output_text(output, ": ");
        put_value(output, &record->fields[i].value);
    }
    output_text(output, "}\n");
}
