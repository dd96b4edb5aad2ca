// The rows of a program's table with the shared ones, and their values as texts.
#include "program/cli/cli_options.h"

#include "core/text/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *purpose_title(enum purpose purpose) {
    static const char *const titles[PURPOSES] = {
        [PURPOSE_OTHER] = "other",
        [PURPOSE_READ] = "read X-rays and prepare samples",
        [PURPOSE_TRAIN] = "train networks",
        [PURPOSE_PREDICT] = "predict",
        [PURPOSE_DECIDE] = "decide, and write results",
        [PURPOSE_SCORE] = "score",
        [PURPOSE_LOOK] = "look at what there is",
    };
    return titles[purpose];
}

size_t cli_all_options(const struct program *program, struct option_row *rows) {
    size_t count = 0;
    for (; count < program->option_count; count++) {
        rows[count] = program->options[count];
    }
    struct common_options *common = program->common;
    const struct option_row shared[] = {
        {"output", 'o', OPTION_FILE, common ? &common->output : NULL, "FILE",
         "write to FILE instead of stdout; FILE is whole or absent", 0, 0, OPTION_SILENT},
        {"threads", 't', OPTION_INTEGER, common ? &common->threads : NULL, "N",
         "work on N cores (default: all there are)", 1, MAX_THREADS, OPTION_SILENT},
        {"max-record", 0, OPTION_BYTES, common ? &common->max_record : NULL, "SIZE",
         "refuse records above SIZE (default: 1G)", 1024, 1e15, OPTION_SILENT},
        {"max-pixels", 0, OPTION_BYTES, common ? &common->max_pixels : NULL, "N",
         "refuse samples whose `size` is above N pixels (default: 16M, 4096 x 4096)", 1, 1e15,
         OPTION_SILENT},
        {"quiet", 'q', OPTION_FLAG, common ? &common->quiet : NULL, NULL,
         "no progress and no notices", 0, 0, OPTION_SILENT},
    };
    const unsigned bits[] = {COMMON_OUTPUT, COMMON_THREADS, COMMON_MAX_RECORD, COMMON_MAX_PIXELS,
                             COMMON_QUIET};
    for (size_t i = 0; i < COUNT_OF(shared); i++) {
        if (program->common_options & bits[i]) {
            rows[count++] = shared[i];
        }
    }
    const struct option_row answers[] = {
        {"help", 0, OPTION_FLAG, NULL, NULL, "print this text", 0, 0, OPTION_SILENT},
        {"man", 0, OPTION_FLAG, NULL, NULL, "print this text as a manual page", 0, 0,
         OPTION_SILENT},
        {"options", 0, OPTION_FLAG, NULL, NULL, "print the options as JSON, with their ranges", 0,
         0, OPTION_SILENT},
        {"summary", 0, OPTION_FLAG, NULL, NULL,
         "print what the program is for, a tab, and what it does", 0, 0, OPTION_SILENT},
        {"version", 0, OPTION_FLAG, NULL, NULL, "print the version", 0, 0, OPTION_SILENT},
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        rows[count++] = answers[i];
    }
    return count;
}

void cli_value_text(const struct option_row *row, char text[VALUE_TEXT_SIZE]) {
    text[0] = 0;
    if (row->target == NULL) {
        return;
    }
    switch (row->type) {
    case OPTION_FLAG: (void)snprintf(text, VALUE_TEXT_SIZE, "%d", *(bool *)row->target); break;
    case OPTION_TEXT:
    case OPTION_CHOICE:
    case OPTION_FILE: {
        const char *value = *(const char **)row->target;
        (void)snprintf(text, VALUE_TEXT_SIZE, "%s", value ? value : "");
        break;
    }
    case OPTION_FILES:
        (void)snprintf(text, VALUE_TEXT_SIZE, "%zu", ((struct option_files *)row->target)->count);
        break;
    case OPTION_INTEGER:
        (void)snprintf(text, VALUE_TEXT_SIZE, "%" PRId64, *(int64_t *)row->target);
        break;
    case OPTION_NUMBER: number_text(text, *(double *)row->target); break;
    case OPTION_BYTES: (void)snprintf(text, VALUE_TEXT_SIZE, "%zu", *(size_t *)row->target); break;
    }
}

const char *cli_default(const struct option_row *row, const char *value) {
    const bool words = row->type == OPTION_CHOICE || row->type == OPTION_TEXT;
    const bool numbers = row->type == OPTION_INTEGER || row->type == OPTION_NUMBER;
    if (row->target == NULL || value[0] == 0 || strstr(row->help, "(default: ") != NULL ||
        !(words || numbers)) {
        return NULL;
    }
    const double number = numbers ? strtod(value, NULL) : 0;
    const bool inside =
        row->minimum >= row->maximum || (number >= row->minimum && number <= row->maximum);
    return words || inside ? value : NULL;
}
