// Which images keep their masks: a stream of decisions, read as far as is needed. Errors name the
// file.
#ifndef PLEURA_CHALLENGE_DECISIONS_H
#define PLEURA_CHALLENGE_DECISIONS_H

#include "dataset/ids/ids.h"
#include "stream/reader.h"

enum decision { DECISION_EMPTY, DECISION_KEEP, DECISION_USED };

struct decisions {
    const char *name; // of the file, for messages; NULL: every image is kept
    struct stream_reader *reader;
    struct ids ids;
    unsigned char *values; // enum decision of ids.items[i]
    size_t capacity;
};

// Opens a stream of decisions ("-": stdin); NULL: there are none, and every image is kept. The
// decisions are to be freed, on failure, too.
CHECKED bool decisions_open(struct decisions *decisions, const char *path, size_t max_record,
                            struct error *error);

// The decision for an image: EMPTY or KEEP, or USED where the id was asked for before. Reads on
// until the id comes, so that a program in the same pipe may still be at work on the decisions. An
// id without a decision is an error.
CHECKED bool decisions_take(struct decisions *decisions, struct text id, enum decision *decision,
                            struct error *error);

// Reads to the end; a decision that no image asked for is an error.
CHECKED bool decisions_end(struct decisions *decisions, struct error *error);

void decisions_free(struct decisions *decisions);

#endif
