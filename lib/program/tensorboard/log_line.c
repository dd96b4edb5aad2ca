// Reading a line of a log.
#include "program/tensorboard/log_line.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

// `time`, where the line has one.
static bool read_time(struct log_line *line, struct error *error) {
    const json_t *time = json_object_get(line->object, "time");
    line->time = json_number_value(time);
    if (time != NULL && (!json_is_number(time) || line->time < 0)) {
        return fail(error, "'time' is not a number of seconds");
    }
    return true;
}

static bool read_values(struct log_line *line, struct error *error) {
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(line->object, name, value) {
        const double number = json_number_value(value);
        if (!json_is_number(value) || strcmp(name, "iteration") == 0 || strcmp(name, "time") == 0) {
            continue;
        }
        if (line->count == MAX_LOG_VALUES) {
            return fail(error, "has more than %d numbers", MAX_LOG_VALUES);
        }
        if (fabs(number) > (double)FLT_MAX) {
            return fail(error, "'%.100s' is %g, which float cannot hold", name, number);
        }
        line->values[line->count++] = (struct log_value){name, (float)number};
    }
    return true;
}

bool log_line_read(struct log_line *line, const char *text, size_t length, struct error *error) {
    json_error_t why;
    memset(line, 0, sizeof *line);
    line->object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
    if (line->object == NULL) {
        return fail(error, "is not JSON, at its byte %d: %s", why.position, why.text);
    }
    const json_t *iteration = json_object_get(line->object, "iteration");
    line->iteration = json_integer_value(iteration);
    bool read = json_is_integer(iteration) && line->iteration >= 0;
    if (!read) {
        (void)fail(error, "is not an object with a whole 'iteration'");
    }
    read = read && read_time(line, error) && read_values(line, error);
    if (!read) {
        log_line_free(line);
    }
    return read;
}

void log_line_free(struct log_line *line) {
    json_decref(line->object);
    line->object = NULL;
}
