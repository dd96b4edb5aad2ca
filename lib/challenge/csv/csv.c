// Rows found by their line ends in a buffer that grows with the longest row; fields cut in place.
#include "challenge/csv/csv.h"

#include "challenge/csv/csv_header.h"
#include "core/array.h"
#include "core/text/ascii.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIN_READ ((size_t)256 << 10)

struct csv {
    char *path; // for messages
    int descriptor;
    bool finished; // the input has ended
    char *buffer;
    size_t capacity, start, filled; // what is not read yet lies at buffer[start .. filled)
    uint64_t line, next_line;
    size_t columns;                  // that the caller knows
    size_t width;                    // that the file has
    size_t indices[CSV_MAX_COLUMNS]; // where the caller's column stands in the file, or CSV_ABSENT
};

uint64_t csv_line(const struct csv *csv) {
    return csv->line;
}

const char *csv_name(const struct csv *csv) {
    return csv->path;
}

// ---- bytes

// Reads more of the input behind buffer[filled]: moves the rest to the front, or doubles.
static bool fill(struct csv *csv, struct error *error) {
    if (csv->start > 0) {
        csv->filled -= csv->start;
        memmove(csv->buffer, csv->buffer + csv->start, csv->filled);
        csv->start = 0;
    }
    if (csv->filled == csv->capacity) {
        const size_t needed = csv->filled + MIN_READ;
        char *buffer = array_grow(csv->buffer, &csv->capacity, needed, 1);
        if (buffer == NULL) {
            return fail(error, "no memory for a row of %zu bytes", needed);
        }
        csv->buffer = buffer;
    }
    ssize_t got;
    do {
        got = read(csv->descriptor, csv->buffer + csv->filled, csv->capacity - csv->filled);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return fail(error, "%s", strerror(errno));
    }
    csv->finished = got == 0;
    csv->filled += (size_t)got;
    return true;
}

// ---- rows

static char *skip_blanks(char *cursor, const char *end) {
    while (cursor < end && ascii_is_blank(*cursor)) {
        cursor++;
    }
    return cursor;
}

static size_t count_bytes(const char *cursor, size_t length, char byte) {
    size_t count = 0;
    const char *end = cursor + length;
    while (cursor < end && (cursor = memchr(cursor, byte, (size_t)(end - cursor))) != NULL) {
        count++;
        cursor++;
    }
    return count;
}

// Finds the row at buffer[start]: its length up to the line end that no quotes enclose, and whether
// there is such a line end (the last row may lack it).
static bool find_row(struct csv *csv, size_t *length, bool *ended, struct error *error) {
    size_t scanned = 0;
    bool quoted = false;
    for (;;) {
        const char *row = csv->buffer + csv->start;
        const size_t left = csv->filled - csv->start - scanned;
        const char *end = left > 0 ? memchr(row + scanned, '\n', left) : NULL;
        const size_t stop = end != NULL ? (size_t)(end - row) : scanned + left;
        quoted ^= count_bytes(row + scanned, stop - scanned, '"') % 2 != 0;
        scanned = stop;
        if (scanned > CSV_MAX_ROW) {
            return fail(error,
                        quoted ? "a quote that is not closed within %zu bytes"
                               : "longer than %zu bytes",
                        CSV_MAX_ROW);
        }
        if (end != NULL && !quoted) {
            break;
        }
        scanned += end != NULL;
        if (end == NULL && csv->finished) {
            break;
        }
        if (end == NULL && !fill(csv, error)) {
            return false;
        }
    }
    if (quoted) {
        return fail(error, "a quote that is not closed");
    }
    *length = scanned;
    *ended = csv->start + scanned < csv->filled;
    return true;
}

// The next row that is not empty, as [*row, *end) without its line end; NULL at the end.
static bool next_row(struct csv *csv, char **row, char **end, struct error *error) {
    for (;;) {
        size_t length = 0;
        bool ended = false;
        csv->line = csv->next_line;
        if (!find_row(csv, &length, &ended, error)) {
            return false;
        }
        *row = csv->buffer + csv->start;
        *end = *row + length;
        csv->start += length + ended;
        csv->next_line += count_bytes(*row, length, '\n') + 1;
        if (length == 0 && !ended) {
            *row = NULL;
            return true;
        }
        if (length > 0 && (*end)[-1] == '\r') {
            --*end;
        }
        if (skip_blanks(*row, *end) < *end) {
            return true;
        }
    }
}

// ---- fields

struct text csv_strip(struct text text) {
    while (text.length > 0 && ascii_is_blank(text.bytes[0])) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && ascii_is_blank(text.bytes[text.length - 1])) {
        text.length--;
    }
    return text;
}

// A field in quotes, *at being the first one; two quotes stand for one.
static bool take_quoted(char **cursor, const char *end, struct text *field, struct error *error) {
    char *from = *cursor + 1;
    char *to = from;
    field->bytes = to;
    while (from < end) {
        if (*from == '"' && (from + 1 == end || from[1] != '"')) {
            break;
        }
        from += *from == '"';
        *to++ = *from++;
    }
    field->length = (size_t)(to - field->bytes);
    *cursor = skip_blanks(from + 1, end);
    if (*cursor < end && **cursor != ',') {
        return fail(error, "text behind a closing quote");
    }
    return true;
}

// The field at *at; leaves *at at the comma behind it, or at the row's end.
static bool take_field(char **cursor, char *end, struct text *field, struct error *error) {
    *cursor = skip_blanks(*cursor, end);
    if (*cursor < end && **cursor == '"') {
        return take_quoted(cursor, end, field, error);
    }
    char *first = *cursor;
    char *comma = memchr(first, ',', (size_t)(end - first));
    char *last = *cursor = comma != NULL ? comma : end;
    while (last > first && ascii_is_blank(last[-1])) {
        last--;
    }
    *field = (struct text){first, (size_t)(last - first)};
    if (memchr(first, '"', field->length) != NULL) {
        return fail(error, "a quote in a value that does not begin with one");
    }
    if (memchr(first, '\r', field->length) != NULL) {
        return fail(error, "a carriage return in the middle of a line");
    }
    return true;
}

// Cuts a row into at most CSV_MAX_COLUMNS fields.
static bool split(char *row, char *end, struct text *fields, size_t *count, struct error *error) {
    if (memchr(row, 0, (size_t)(end - row)) != NULL) {
        return fail(error, "a NUL byte: not a text file");
    }
    *count = 0;
    for (char *cursor = row;; cursor++) {
        if (*count == CSV_MAX_COLUMNS) {
            return fail(error, "more than %d values", CSV_MAX_COLUMNS);
        }
        if (!take_field(&cursor, end, &fields[(*count)++], error)) {
            return false;
        }
        if (cursor >= end) {
            return true;
        }
    }
}

static bool place_error(const struct csv *csv, struct error *error) {
    return fail_within(error, "%s: line %" PRIu64, csv->path, csv->line);
}

static bool read_row(struct csv *csv, struct text *fields, size_t *count, struct error *error) {
    char *row = NULL;
    char *end = NULL;
    *count = 0;
    if (!next_row(csv, &row, &end, error)) {
        return place_error(csv, error);
    }
    if (row != NULL && !split(row, end, fields, count, error)) {
        return place_error(csv, error);
    }
    return true;
}

enum csv_status csv_next(struct csv *csv, struct text *fields, struct error *error) {
    struct text found[CSV_MAX_COLUMNS];
    size_t count = 0;
    if (!read_row(csv, found, &count, error)) {
        return CSV_FAILED;
    }
    if (count == 0) {
        return CSV_END;
    }
    if (count != csv->width) {
        (void)fail(error, "%zu %s, and the header has %zu", count, count == 1 ? "value" : "values",
                   csv->width);
        (void)place_error(csv, error);
        return CSV_FAILED;
    }
    for (size_t i = 0; i < csv->columns; i++) {
        const size_t index = csv->indices[i];
        fields[i] = index == CSV_ABSENT ? (struct text){NULL, 0} : found[index];
    }
    return CSV_ROW;
}

// ---- the header

// Skips the byte order mark of UTF-8 and refuses those of UTF-16.
static bool skip_mark(struct csv *csv, struct error *error) {
    while (csv->filled < 3 && !csv->finished) {
        if (!fill(csv, error)) {
            return false;
        }
    }
    if (csv->filled >= 2 &&
        (memcmp(csv->buffer, "\xFF\xFE", 2) == 0 || memcmp(csv->buffer, "\xFE\xFF", 2) == 0)) {
        return fail(error, "UTF-16: save it as UTF-8");
    }
    if (csv->filled >= 3 && memcmp(csv->buffer, "\xEF\xBB\xBF", 3) == 0) {
        csv->start = 3;
    }
    return true;
}

static bool read_header(struct csv *csv, const char *const *columns, size_t required,
                        struct error *error) {
    struct text names[CSV_MAX_COLUMNS] = {{NULL, 0}};
    if (!skip_mark(csv, error)) {
        return fail_within(error, "%s", csv->path);
    }
    if (!read_row(csv, names, &csv->width, error)) {
        return false;
    }
    if (csv->width == 0) {
        return fail(error, "%s: empty: the first line must name the columns", csv->path);
    }
    return csv_find_columns(names, csv->width, columns, csv->columns, required, csv->indices,
                            error) ||
           place_error(csv, error);
}

struct csv *csv_open(const char *path, const char *const *columns, size_t count, size_t required,
                     struct error *error) {
    const bool standard = strcmp(path, "-") == 0;
    struct csv *csv = calloc(1, sizeof *csv);
    if (csv == NULL || (csv->path = strdup(standard ? "stdin" : path)) == NULL) {
        free(csv);
        (void)fail(error, "%s: no memory", path);
        return NULL;
    }
    csv->columns = count;
    csv->next_line = 1;
    csv->descriptor = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (csv->descriptor < 0) {
        (void)fail(error, "%s: %s", path, strerror(errno));
        csv_close(csv);
        return NULL;
    }
    if (!read_header(csv, columns, required, error)) {
        csv_close(csv);
        return NULL;
    }
    return csv;
}

void csv_close(struct csv *csv) {
    if (csv == NULL) {
        return;
    }
    if (csv->descriptor > STDIN_FILENO) {
        (void)close(csv->descriptor);
    }
    free(csv->buffer);
    free(csv->path);
    free(csv);
}

// ---- writing

static bool needs_quotes(struct text field) {
    if (field.length == 0 || ascii_is_blank(field.bytes[0]) ||
        ascii_is_blank(field.bytes[field.length - 1])) {
        return true;
    }
    for (const char *special = ",\"\r\n"; *special != 0; special++) {
        if (memchr(field.bytes, *special, field.length) != NULL) {
            return true;
        }
    }
    return false;
}

static void write_quoted(struct sink sink, struct text field) {
    sink_write(&sink, "\"", 1);
    for (size_t i = 0; i < field.length; i++) {
        sink_write(&sink, field.bytes + i, 1);
        if (field.bytes[i] == '"') {
            sink_write(&sink, "\"", 1);
        }
    }
    sink_write(&sink, "\"", 1);
}

void csv_write(struct sink sink, const struct text *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            sink_write(&sink, ",", 1);
        }
        if (needs_quotes(fields[i])) {
            write_quoted(sink, fields[i]);
        } else {
            sink_write(&sink, fields[i].bytes, fields[i].length);
        }
    }
    sink_write(&sink, "\n", 1);
    sink_hand_on(&sink);
}
