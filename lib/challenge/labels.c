// The rows of the CSV, sorted by image with a counting sort that keeps the file's order.
#include "challenge/labels.h"

#include "core/array.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"
#include "dataset/ids/image_id.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct csv *labels_open(const char *path, bool runs_needed, struct error *error) {
    static const char *const columns[] = {COLUMN_ID, COLUMN_RUNS};
    return csv_open(path, columns, 2, runs_needed ? 2 : 1, error);
}

static bool check_id(struct text id, struct error *error) {
    if (id.length == 0) {
        return fail(error, "an empty id");
    }
    if (id.length > RECORD_MAX_NAME) {
        return fail(error, "an id of more than %d bytes", RECORD_MAX_NAME);
    }
    return utf8_valid(id.bytes, id.length) || fail(error, "an id that is not UTF-8");
}

static bool check_row(struct text id, struct text *runs, struct error *error) {
    if (!check_id(id, error)) {
        return false;
    }
    if (runs->bytes == NULL) {
        return true;
    }
    *runs = csv_strip(*runs); // quotes keep blanks; run lengths have none
    if (runs->length == 0) {
        return fail(error, "%.*s: no run lengths: write -1 for an image without a lesion",
                    TEXT_ARG(id));
    }
    if (text_is(*runs, "-1")) {
        runs->length = 0;
    }
    return true;
}

enum csv_status labels_next(struct csv *csv, struct text *id, struct text *runs,
                            struct error *error) {
    struct text fields[2];
    const enum csv_status status = csv_next(csv, fields, error);
    if (status != CSV_ROW) {
        return status;
    }
    *id = image_id_strip(fields[0]);
    *runs = fields[1];
    if (!check_row(*id, runs, error)) {
        (void)fail_within(error, "%s: line %" PRIu64, csv_name(csv), csv_line(csv));
        return CSV_FAILED;
    }
    return CSV_ROW;
}

// ---- all rows

// A row while it is not known yet how many its image has.
struct loose_row {
    struct label_row row;
    size_t index;
};

bool labels_add(struct labels *labels, struct text id, struct text runs, uint64_t line,
                struct error *error) {
    struct loose_row row = {.row = {.line = line}};
    bool added = false;
    if (!ids_add(&labels->ids, id, &row.index, &added, error)) {
        return false;
    }
    if (runs.length == 0) {
        return true;
    }
    const size_t needed = labels->loose_count + 1;
    struct loose_row *loose =
        array_grow(labels->loose, &labels->loose_capacity, needed, sizeof *loose);
    if (loose == NULL) {
        return fail(error, "no memory for %zu rows", needed);
    }
    labels->loose = loose;
    if (!texts_keep(&labels->texts, runs, &row.row.runs, error)) {
        return false;
    }
    labels->loose[labels->loose_count++] = row;
    return true;
}

bool labels_sort(struct labels *labels, struct error *error) {
    const size_t images = labels->ids.count;
    const size_t count = labels->loose_count;
    labels->rows = malloc((count + 1) * sizeof *labels->rows);
    labels->first = calloc(images + 2, sizeof *labels->first);
    if (labels->rows == NULL || labels->first == NULL) {
        return fail(error, "no memory for %zu rows", count);
    }
    // first[i + 2] counts image i's rows, then first[i + 1] is where they start, then where they
    // end.
    for (size_t i = 0; i < count; i++) {
        labels->first[labels->loose[i].index + 2]++;
    }
    for (size_t i = 2; i < images + 2; i++) {
        labels->first[i] += labels->first[i - 1];
    }
    for (size_t i = 0; i < count; i++) {
        labels->rows[labels->first[labels->loose[i].index + 1]++] = labels->loose[i].row;
    }
    free(labels->loose);
    labels->loose = NULL;
    labels->loose_count = labels->loose_capacity = 0;
    return true;
}

static bool read_rows(struct labels *labels, struct csv *csv, struct error *error) {
    struct text id;
    struct text runs;
    enum csv_status status;
    while ((status = labels_next(csv, &id, &runs, error)) == CSV_ROW) {
        if (!labels_add(labels, id, runs, csv_line(csv), error)) {
            return fail_within(error, "%s", csv_name(csv));
        }
    }
    return status == CSV_END;
}

bool labels_read(struct labels *labels, const char *path, bool runs_needed, struct error *error) {
    struct csv *csv = labels_open(path, runs_needed, error);
    if (csv == NULL) {
        return false;
    }
    labels->name = strdup(csv_name(csv));
    const bool read =
        labels->name != NULL ? read_rows(labels, csv, error) : fail(error, "%s: no memory", path);
    csv_close(csv);
    return read && (labels_sort(labels, error) || fail_within(error, "%s", labels->name));
}

const struct label_row *labels_rows(const struct labels *labels, size_t index, size_t *count) {
    *count = labels->first[index + 1] - labels->first[index];
    return labels->rows + labels->first[index];
}

bool labels_unite(const struct labels *labels, size_t index, size_t height, size_t width,
                  struct runs *runs, struct error *error) {
    size_t count = 0;
    const struct label_row *rows = labels_rows(labels, index, &count);
    runs->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!runs_parse_more(runs, rows[i].runs.bytes, rows[i].runs.length, height, width, error)) {
            return fail_within(error, "%s: line %" PRIu64 ": %.*s", labels->name, rows[i].line,
                               TEXT_ARG(labels->ids.items[index]));
        }
    }
    runs_unite(runs);
    return true;
}

void labels_free(struct labels *labels) {
    ids_free(&labels->ids);
    texts_free(&labels->texts);
    free(labels->loose);
    free(labels->rows);
    free(labels->first);
    free(labels->name);
    *labels = (struct labels){.name = NULL};
}

// ---- sizes

static bool parse_side(const char **cursor, size_t *side) {
    *side = 0;
    const char *first = *cursor;
    while (ascii_is_digit(**cursor) && *side <= IMAGE_MAX_SIDE) {
        *side = 10 * *side + (size_t)(*(*cursor)++ - '0');
    }
    return *cursor > first && *side >= 1 && *side <= IMAGE_MAX_SIDE;
}

bool labels_parse_size(const char *text, size_t *height, size_t *width, struct error *error) {
    const char *cursor = text;
    if (!parse_side(&cursor, height) || *cursor++ != 'x' || !parse_side(&cursor, width) ||
        *cursor != 0 || *height * *width > IMAGE_MAX_PIXELS) {
        return fail(error, "'%s': not a size such as 1024x1024 (height, width)", text);
    }
    return true;
}
