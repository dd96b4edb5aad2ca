// A line of train-fold's log (program/train/log.h), or of any log of its form: a JSON object with
// `iteration`.
#ifndef PLEURA_PROGRAM_TENSORBOARD_LOG_LINE_H
#define PLEURA_PROGRAM_TENSORBOARD_LOG_LINE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum { MAX_LOG_VALUES = 64 };

struct log_line {
    int64_t iteration; // not negative
    double time;       // seconds since 1970; 0: it has none
    size_t count;
    struct log_value {
        const char *name;     // as long as the line is not freed
        float value;          // finite
    } values[MAX_LOG_VALUES]; // all other members that are numbers, in their order
    struct json_t *object;
};

// Reads a line without its end. What is no object with a whole `iteration`, has a member twice,
// more numbers than can be kept or one that float cannot hold is an error. On success the line is
// to be freed.
CHECKED bool log_line_read(struct log_line *line, const char *text, size_t length,
                           struct error *error);

void log_line_free(struct log_line *line);

#endif
