// Counts by name, each with the first example.
#ifndef PLEURA_PROGRAM_SURVEY_TALLY_H
#define PLEURA_PROGRAM_SURVEY_TALLY_H

#include "dataset/ids/ids.h"

struct tally_row {
    struct text name, example;
    size_t count;
};

// Starts as zeros. rows[0 .. keys.count) come in the order in which they were first added.
struct tally {
    struct ids keys;
    struct tally_row *rows;
    size_t capacity, total;
    struct texts texts;
};

// Adds `count` to a name's row; of the example, which may be NULL, the first one given is kept.
CHECKED bool tally_add(struct tally *tally, const char *name, size_t count, const char *example,
                       struct error *error);

// The same for a message: messages that differ in numbers only share a row, under the first one's
// words. Numbers with dots between them (UIDs) are not numbers.
CHECKED bool tally_add_message(struct tally *tally, const char *message, size_t count,
                               const char *example, struct error *error);

// Brings the rows into the order of their counts, the greatest first; rows of the same count stay
// as they were. Nothing may be added after it.
void tally_sort(struct tally *tally);

void tally_free(struct tally *tally);

#endif
