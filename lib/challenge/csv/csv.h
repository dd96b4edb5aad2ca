// The challenge's tables: comma-separated values with a header row (RFC 4180), row by row in
// bounded memory.
#ifndef PLEURA_CHALLENGE_CSV_CSV_H
#define PLEURA_CHALLENGE_CSV_CSV_H

#include "core/sink.h"
#include "stream/record.h"

#define CSV_MAX_COLUMNS 32
#define CSV_MAX_ROW ((size_t)16 << 20) // bytes

struct csv;

enum csv_status { CSV_ROW, CSV_END, CSV_FAILED };

// Opens `path` ("-": stdin) and reads the header row, whose names may come in any order. The first
// `required` of the `count` columns must be there, the others may be; any other column is an error,
// which says what is wanted and what is there: row numbers of pandas, other separators by name.
// NULL with *error, which names the file, on failure.
//
// Taken as meant: a byte order mark, CR LF, blanks around names and values, empty lines, a last
// line without its end. Refused: NUL bytes, lone carriage returns, quotes in the middle of a value,
// a row with more or fewer values than the header has names, a row above CSV_MAX_ROW.
CHECKED struct csv *csv_open(const char *path, const char *const *columns, size_t count,
                             size_t required, struct error *error);

// The next row: fields[i] belongs to columns[i] and lives until the next call; its `bytes` are NULL
// where the file lacks that column. Errors name file and line.
CHECKED enum csv_status csv_next(struct csv *csv, struct text *fields, struct error *error);

// The line that the row read last begins in, from 1.
uint64_t csv_line(const struct csv *csv);

// The path for messages ("stdin" for "-").
const char *csv_name(const struct csv *csv);

void csv_close(struct csv *csv);

// A text without the blanks and tabs around it, which quotes keep.
struct text csv_strip(struct text text);

// Writes a row and hands it on; fields are quoted where the format asks for it. NUL bytes, which no
// reader takes, are the caller's to refuse.
void csv_write(struct sink sink, const struct text *fields, size_t count);

#endif
