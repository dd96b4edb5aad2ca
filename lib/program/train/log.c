// Writing the log.
#include "program/train/log.h"

#include "core/clock.h"
#include "core/file.h"
#include "program/die.h"
#include "program/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MAX_LOG_BYTES ((size_t)1 << 30)
static const char start_of_line[] = "{\"iteration\":";

// Writes the file anew with the lines up to `iteration`.
static void cut_log(const char *path, int64_t iteration) {
    struct error error;
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (!file_read(path, MAX_LOG_BYTES, &bytes, &length, &error)) {
        die("%s: %s", path, error.text);
    }
    struct output *output = output_open(path, OUTPUT_TEXT);
    const char *end = (const char *)bytes + length;
    for (const char *line = (const char *)bytes; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const size_t known = sizeof start_of_line - 1;
        if (stop == NULL) {
            break; // half a line, from a kill
        }
        if ((size_t)(stop - line) > known && memcmp(line, start_of_line, known) == 0 &&
            strtoll(line + known, NULL, 10) <= iteration) {
            output_write(output, line, (size_t)(stop - line) + 1);
        }
        line = stop + 1;
    }
    output_close(output);
    free(bytes);
}

FILE *train_log_open(const char *path, int64_t iteration) {
    struct stat status;
    if (iteration > 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
        cut_log(path, iteration);
    }
    FILE *log = fopen(path, iteration > 0 ? "a" : "w");
    if (log == NULL) {
        die("%s: %s", path, strerror(errno));
    }
    return log;
}

static void end_line(FILE *log) {
    if (fprintf(log, ",\"time\":%.3f}\n", clock_wall_seconds()) < 0 || fflush(log) != 0) {
        die("the log cannot be written: %s", strerror(errno));
    }
}

void train_log_step(FILE *log, const struct training_state *state,
                    const struct loss_options *options, const struct train_summary *summary) {
    (void)fprintf(log, "%s%" PRId64 ",\"loss\":%.7g", start_of_line, state->iteration,
                  summary->loss.total);
    for (int i = 0; i < LOSSES; i++) {
        if (loss_is_told(options, i)) {
            (void)fprintf(log, ",\"%s\":%.7g", loss_terms[i]->name, summary->loss.terms[i]);
        }
    }
    (void)fprintf(log, ",\"rate\":%.7g", state->rate);
    if (summary->norm >= 0) {
        (void)fprintf(log, ",\"norm\":%.7g", summary->norm);
    }
    (void)fprintf(log, ",\"images_per_second\":%.4g", summary->images_per_second);
    end_line(log);
}

void train_log_scores(FILE *log, const struct training_state *state, bool best) {
    struct rusage usage = {.ru_maxrss = 0};
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)fprintf(log,
                  "%s%" PRId64 ",\"dice\":%.7g,\"dice_empty\":%.7g,\"dice_lesion\":%.7g,"
                  "\"accuracy\":%.7g,\"best\":%s,\"memory_mib\":%ld",
                  start_of_line, state->iteration, state->dice, state->dice_empty,
                  state->dice_lesion, state->accuracy, best ? "true" : "false",
                  usage.ru_maxrss / 1024);
    end_line(log);
}
