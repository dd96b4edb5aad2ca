// The header row of a table: which of its columns is which.
#ifndef PLEURA_CHALLENGE_CSV_CSV_HEADER_H
#define PLEURA_CHALLENGE_CSV_CSV_HEADER_H

#include "challenge/csv/csv.h"

#define CSV_ABSENT SIZE_MAX

// Finds the caller's `count` columns among the `width` names of the file, from which blanks are
// stripped: indices[i] is where columns[i] stands, or CSV_ABSENT. Fails, saying what is wanted and
// what is there, where one of the first `required` is absent and where a name is not known or comes
// twice.
CHECKED bool csv_find_columns(struct text *names, size_t width, const char *const *columns,
                              size_t count, size_t required, size_t *indices, struct error *error);

#endif
