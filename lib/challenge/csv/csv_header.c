// Columns found by their names, and what is said of other tables.
#include "challenge/csv/csv_header.h"

#include <stdio.h>
#include <string.h>

#define LISTED_NAMES 6 // of a header, in a message
#define LIST_SIZE 160
#define UNNAMED "Unnamed: " // what pandas calls a column without a name

// The names of a header for a message, cut short: "'a', 'b'".
static const char *list_names(char *list, const struct text *names, size_t count) {
    size_t used = 0;
    list[0] = 0;
    for (size_t i = 0; i < count && used < LIST_SIZE; i++) {
        const bool last = i == LISTED_NAMES;
        const int length = names[i].length < 40 ? (int)names[i].length : 40;
        const int more = last ? snprintf(list + used, LIST_SIZE - used, ", ...")
                              : snprintf(list + used, LIST_SIZE - used, "%s'%.*s'",
                                         i > 0 ? ", " : "", length, names[i].bytes);
        used = last || more < 0 ? LIST_SIZE : used + (size_t)more;
    }
    return list;
}

// Says which columns are wanted and which are there. Always false.
static bool refuse_names(const char *before, struct text name, const char *behind,
                         const struct text *names, size_t width, const char *const *columns,
                         size_t count, struct error *error) {
    struct text wanted[CSV_MAX_COLUMNS];
    char wanted_list[LIST_SIZE];
    char list[LIST_SIZE];
    for (size_t i = 0; i < count; i++) {
        wanted[i] = text_of(columns[i]);
    }
    return fail(error, "%s'%.*s'%s: the first line must name the columns %s, and has %s", before,
                name.length < 40 ? (int)name.length : 40, name.bytes, behind,
                list_names(wanted_list, wanted, count), list_names(list, names, width));
}

// What other programs write in place of the table that is wanted.
static bool check_names(const struct text *names, size_t width, struct error *error) {
    const struct text first = names[0];
    for (size_t j = 0; j < width && width > 1; j++) {
        const size_t length = strlen(UNNAMED);
        if ((j == 0 && names[j].length == 0) ||
            (names[j].length > length && memcmp(names[j].bytes, UNNAMED, length) == 0)) {
            return fail(error,
                        "column %zu, '%.*s', holds row numbers as pandas writes them: leave it out "
                        "(to_csv(..., index=False))",
                        j + 1, TEXT_ARG(names[j]));
        }
    }
    if (width == 1 && memchr(first.bytes, ';', first.length) != NULL) {
        return fail(error, "separated by semicolons, and commas are needed");
    }
    return width > 1 || memchr(first.bytes, '\t', first.length) == NULL ||
           fail(error, "separated by tabs, and commas are needed");
}

// The column of the file that has this name, or CSV_ABSENT. Fails for one that is there twice.
static bool find_column(const struct text *names, size_t width, const char *column, size_t *index,
                        struct error *error) {
    *index = CSV_ABSENT;
    for (size_t j = 0; j < width; j++) {
        if (text_is(names[j], column)) {
            if (*index != CSV_ABSENT) {
                return fail(error, "the column '%s' twice", column);
            }
            *index = j;
        }
    }
    return true;
}

bool csv_find_columns(struct text *names, size_t width, const char *const *columns, size_t count,
                      size_t required, size_t *indices, struct error *error) {
    bool known[CSV_MAX_COLUMNS] = {false};
    for (size_t j = 0; j < width; j++) {
        names[j] = csv_strip(names[j]);
    }
    if (!check_names(names, width, error)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!find_column(names, width, columns[i], &indices[i], error)) {
            return false;
        }
        if (indices[i] != CSV_ABSENT) {
            known[indices[i]] = true;
        } else if (i < required) {
            return refuse_names("no column ", text_of(columns[i]), "", names, width, columns, count,
                                error);
        }
    }
    for (size_t j = 0; j < width; j++) {
        if (!known[j]) {
            return refuse_names("the column ", names[j], " has no meaning here", names, width,
                                columns, count, error);
        }
    }
    return true;
}
