// The table; summary_json.c does the same as JSON.
#include "program/streams/summary.h"

#include "core/text/number.h"
#include "core/text/utf8.h"
#include "program/streams/summary_json.h"
#include "stream/statistics.h"
#include "weights/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_ID 100    // characters shown of an id
#define MAX_NAME 40   // of a name
#define MAX_TEXT 24   // of a text
#define MAX_ITEMS 3   // shown of a list
#define CELL_SIZE 700 // bytes: each of MAX_ID characters takes six at most
#define WEIGHTS_ID_WIDTH 40

// A column of one line: printable UTF-8, terminated, and how many characters that is.
struct cell {
    char text[CELL_SIZE];
    size_t used, width;
};

static void cell_add(struct cell *cell, const char *bytes, size_t length, size_t width) {
    if (length < CELL_SIZE - cell->used) {
        memcpy(cell->text + cell->used, bytes, length);
        cell->used += length;
        cell->text[cell->used] = 0;
        cell->width += width;
    }
}

static void cell_word(struct cell *cell, const char *word) {
    cell_add(cell, word, strlen(word), strlen(word));
}

// At most `most` characters of a text, and "..." for the rest.
static void cell_text(struct cell *cell, struct text text, size_t most) {
    for (size_t i = 0, shown = 0; i < text.length; shown++) {
        char character[UTF8_SHOWN];
        if (shown == most) {
            cell_word(cell, "...");
            return;
        }
        const size_t bytes = utf8_show(text.bytes + i, text.length - i, character);
        const size_t length = strlen(character);
        cell_add(cell, character, length, length > bytes ? length : 1);
        i += bytes;
    }
}

static void cell_value(struct cell *cell, const struct value *value) {
    char text[NUMBER_TEXT_SIZE];
    switch (value->type) {
    case VALUE_INTEGER:
        (void)snprintf(text, sizeof text, "%" PRId64, value->integer);
        cell_word(cell, text);
        break;
    case VALUE_UNSIGNED:
        (void)snprintf(text, sizeof text, "%" PRIu64, value->natural);
        cell_word(cell, text);
        break;
    case VALUE_NUMBER:
        number_text(text, value->number);
        cell_word(cell, text);
        break;
    case VALUE_TEXT:
        cell_word(cell, "'");
        cell_text(cell, value->text, MAX_TEXT);
        cell_word(cell, "'");
        break;
    case VALUE_LIST:
        cell_word(cell, "[");
        for (size_t i = 0; i < value->list.count && i <= MAX_ITEMS; i++) {
            cell_word(cell, i > 0 ? ", " : "");
            if (i < MAX_ITEMS) {
                cell_value(cell, &value->list.items[i]);
            } else {
                cell_word(cell, "...");
            }
        }
        cell_word(cell, "]");
        break;
    case VALUE_TENSOR: break;
    }
}

static const char *type_word(const struct value *value) {
    switch (value->type) {
    case VALUE_INTEGER:
    case VALUE_UNSIGNED: return "integer";
    case VALUE_NUMBER: return "number";
    case VALUE_TEXT: return "text";
    case VALUE_LIST: return "list";
    default: return dtype_code(value->tensor->type);
    }
}

// Sides joined by x; what is no tensor and no list has none.
static void cell_shape(struct cell *cell, const struct value *value) {
    char side[40];
    if (value->type == VALUE_LIST) {
        (void)snprintf(side, sizeof side, "%zu", value->list.count);
        cell_word(cell, side);
    } else if (value->type != VALUE_TENSOR || value->tensor->rank == 0) {
        cell_word(cell, "-");
    } else {
        for (size_t i = 0; i < value->tensor->rank; i++) {
            (void)snprintf(side, sizeof side, "%s%zu", i > 0 ? "x" : "", value->tensor->shape[i]);
            cell_word(cell, side);
        }
    }
}

static void print_padded(struct output *output, const struct cell *cell, size_t width) {
    const int blanks = cell->width < width ? (int)(width - cell->width) : 0;
    output_printf(output, "%s%*s  ", cell->text, blanks, "");
}

static void print_extent(struct output *output, const struct tensor *tensor) {
    struct tensor_statistics statistics;
    if (!tensor_statistics(tensor, &statistics)) {
        output_printf(output, "%10s %10s %10s\n", "-", "-", "-");
        return;
    }
    const bool whole = tensor->type <= DTYPE_I8;
    output_printf(output, whole ? "%10.0f %10.5g %10.0f\n" : "%10.5g %10.5g %10.5g\n",
                  statistics.min, statistics.mean, statistics.max);
}

static void print_value(struct summary *summary, const struct cell *id, const struct field *field) {
    struct cell name = {.used = 0};
    struct cell shape = {.used = 0};
    const struct value *value = &field->value;
    cell_text(&name, field->name, MAX_NAME);
    cell_shape(&shape, value);
    print_padded(summary->output, id, summary->id_width);
    print_padded(summary->output, &name, summary->name_width);
    output_printf(summary->output, "%-7s  ", type_word(value));
    print_padded(summary->output, &shape, 11);
    if (value->type == VALUE_TENSOR) {
        print_extent(summary->output, value->tensor);
    } else {
        struct cell shown = {.used = 0};
        cell_value(&shown, value);
        output_printf(summary->output, "%s\n", shown.text);
    }
}

static void widen(size_t *width, size_t needed) {
    *width = needed > *width ? needed : *width;
}

static void print_record(struct summary *summary, const struct record *record) {
    struct cell id = {.used = 0};
    cell_text(&id, record->id, MAX_ID);
    widen(&summary->id_width, id.width);
    for (size_t i = 0; i < record->count; i++) {
        struct cell name = {.used = 0};
        cell_text(&name, record->fields[i].name, MAX_NAME);
        widen(&summary->name_width, name.width);
    }
    if (summary->records == 0) {
        output_printf(summary->output, "%-*s  %-*s  %-7s  %-11s  %10s %10s %10s\n",
                      (int)summary->id_width, "record", (int)summary->name_width, "name", "type",
                      "shape", "min", "mean", "max");
    }
    for (size_t i = 0; i < record->count; i++) {
        print_value(summary, &id, &record->fields[i]);
    }
    if (record->count == 0) {
        output_printf(summary->output, "%s\n", id.text);
    }
}

// ---- both forms

static bool ends_with(struct text text, const char *end) {
    const size_t length = strlen(end);
    return text.length >= length && memcmp(text.bytes + text.length - length, end, length) == 0;
}

static uint64_t parameters_in(const struct record *record) {
    const struct value *value = record_find(record, "value");
    const bool learned = !text_begins(record->id, CHECKPOINT_OPTIMIZER) &&
                         !ends_with(record->id, ".running_mean") &&
                         !ends_with(record->id, ".running_var");
    return learned && value != NULL && value->type == VALUE_TENSOR ? tensor_elements(value->tensor)
                                                                   : 0;
}

struct summary summary_start(struct output *output, bool json, const char *path, const char *kind,
                             const struct history *history) {
    const bool weights = strcmp(kind, KIND_WEIGHTS) == 0;
    struct summary summary = {.output = output,
                              .json = json,
                              .weights = weights,
                              .id_width = weights ? WEIGHTS_ID_WIDTH : 8,
                              .name_width = 5};
    if (json) {
        summary_json_header(output, path, kind, history);
        return summary;
    }
    struct cell shown = {.used = 0};
    cell_text(&shown, text_of(path), MAX_ID);
    output_printf(output, "# %s: %s\n", shown.text, kind);
    for (size_t i = 0; i < history->count; i++) {
        struct cell line = {.used = 0};
        cell_text(&line, history->lines[i], MAX_ID);
        output_printf(output, "# %s\n", line.text);
    }
    return summary;
}

void summary_record(struct summary *summary, const struct record *record) {
    if (summary->json) {
        summary_json_record(summary->output, record);
    } else {
        print_record(summary, record);
    }
    summary->parameters += summary->weights ? parameters_in(record) : 0;
    summary->records++;
}

void summary_end(struct summary *summary) {
    const bool json = summary->json;
    output_printf(summary->output, json ? "{\"end\": %" PRIu64 : "# records: %" PRIu64,
                  summary->records);
    if (summary->weights) {
        output_printf(summary->output,
                      json ? ", \"parameters\": %" PRIu64 : ", parameters: %" PRIu64,
                      summary->parameters);
    }
    output_printf(summary->output, json ? "}\n" : "\n");
}
