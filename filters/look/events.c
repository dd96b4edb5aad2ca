// events: train-fold's log as an event file for TensorBoard.
#include "core/array.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/output.h"
#include "program/tensorboard/event_file.h"
#include "program/tensorboard/log_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 1 << 16, MAX_CURVES = 256 };

struct curve {
    char *name;
    int64_t iteration; // of its last point
};

struct converter {
    const char *name; // of the log, for messages
    FILE *log;
    struct output *output;
    uint64_t lines, repeated; // lines read; points that were there already
    struct curve curves[MAX_CURVES];
    size_t curve_count;
    char text[MAX_LINE]; // a line
};

// The next line of the log, without its end, in converter->text; false behind the last one. What
// has no end yet is none.
static bool next_line(struct converter *converter, size_t *length, bool quiet) {
    *length = 0;
    for (int byte; (byte = getc_unlocked(converter->log)) != '\n'; (*length)++) {
        if (byte == EOF) {
            if (ferror(converter->log)) {
                die("%s: %s", converter->name, strerror(errno));
            }
            if (*length > 0 && !quiet) {
                warn("%s: line %" PRIu64 " has no end, and is left out", converter->name,
                     converter->lines + 1);
            }
            return false;
        }
        if (*length == MAX_LINE) {
            die("%s: line %" PRIu64 " is longer than %d bytes", converter->name,
                converter->lines + 1, MAX_LINE);
        }
        converter->text[*length] = (char)byte;
    }
    converter->lines++;
    return true;
}

// Whether the curve goes on at this iteration. A log that is begun again has lines that were there
// before.
static bool goes_on(struct converter *converter, const char *name, int64_t iteration) {
    size_t i = 0;
    while (i < converter->curve_count && strcmp(converter->curves[i].name, name) != 0) {
        i++;
    }
    if (i == MAX_CURVES) {
        die("%s: line %" PRIu64 " begins curve %d; %d are the most", converter->name,
            converter->lines, MAX_CURVES + 1, MAX_CURVES);
    }
    struct curve *curve = &converter->curves[i];
    if (i == converter->curve_count) {
        curve->name = strdup(name);
        if (curve->name == NULL) {
            die("no memory");
        }
        converter->curve_count++;
    } else if (iteration <= curve->iteration) {
        converter->repeated++;
        return false;
    }
    curve->iteration = iteration;
    return true;
}

static void convert_line(struct converter *converter, size_t length) {
    struct log_line line;
    struct error error;
    struct scalar scalars[MAX_LOG_VALUES];
    size_t count = 0;
    if (!log_line_read(&line, converter->text, length, &error)) {
        die("%s: line %" PRIu64 " %s", converter->name, converter->lines, error.text);
    }
    if (converter->lines == 1) {
        event_file_begin(converter->output, line.time);
    }
    for (size_t i = 0; i < line.count; i++) {
        if (goes_on(converter, line.values[i].name, line.iteration)) {
            scalars[count++] = (struct scalar){line.values[i].name, line.values[i].value};
        }
    }
    if (count > 0) {
        event_file_add(converter->output, line.time, line.iteration, scalars, count);
        output_flush(converter->output);
    }
    log_line_free(&line);
}

static void run(const struct common_options *common, const struct operands *operands) {
    static struct converter converter;
    const char *path = operands->count > 0 ? operands->items[0] : "-";
    const bool from_stdin = strcmp(path, "-") == 0;
    size_t length = 0;
    converter.name = from_stdin ? "stdin" : path;
    converter.log = from_stdin ? stdin : fopen(path, "re");
    if (converter.log == NULL) {
        die("%s: %s", path, strerror(errno));
    }
    converter.output = output_open(common->output, OUTPUT_BYTES);
    while (next_line(&converter, &length, common->quiet)) {
        convert_line(&converter, length);
    }
    if (converter.lines == 0) {
        die("%s: no line in it", converter.name);
    }
    if (converter.repeated > 0 && !common->quiet) {
        warn("%s: %" PRIu64 " values are of iterations that were there before, and left out",
             converter.name, converter.repeated);
    }
    output_close(converter.output);
    (void)fclose(converter.log);
    for (size_t i = 0; i < converter.curve_count; i++) {
        free(converter.curves[i].name);
    }
}

int main(int argc, char **argv) {
    struct common_options common = cli_common_defaults();
    const struct program program = {
        .name = "events",
        .summary = "training logs to TensorBoard's event files",
        .purpose = PURPOSE_LOOK,
        .usage = "[OPTION]... [LOG]",
        .description =
            "Reads the log that train-fold writes, a JSON object a line, and writes an event file "
            "of TensorBoard: each number of a line is a point of the curve of its name (loss, "
            "rate, dice, ...) at the line's iteration. The time of a point is the line's `time`, "
            "or 0 where it has none, so the same log gives the same bytes.\n\n"
            "Each line is written on as soon as it has been read, so the curves of a log that is "
            "being written can be followed (see the examples). A last line that has no end yet is "
            "left out; so are values of iterations that their curve has already, as a log has them "
            "again that a resumed run has cut. What is no line of a log ends the program with "
            "status 1 and the line's number.\n\n"
            "TensorBoard shows files with `tfevents` in their names, and each folder as a run. "
            "Reads stdin when no LOG is named, or for '-'.",
        .examples =
            "mkdir -p runs/fold0 && events fold0/log.jsonl -o runs/fold0/events.out.tfevents.0\n"
            "tail -n +1 -F fold0/log.jsonl | events >runs/fold0/events.out.tfevents.0",
        .common = &common,
        .common_options = COMMON_OUTPUT | COMMON_QUIET,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    run(&common, &operands);
    return 0;
}
