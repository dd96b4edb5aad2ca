// make-index: the index of a shard folder with any entries, hostile ones too, for the tests of
// programs.
#include "challenge/labels.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/streams/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 6

int main(int argc, char **argv) {
    struct common_options common = cli_common_defaults();
    const char *size = "24x32";
    size_t sides[2] = {0, 0};
    struct error error;
    const struct option_row rows[] = {
        {"size", 's', OPTION_TEXT, &size, "HxW", "of each image (default: 24x32; none: no size)", 0,
         0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "make-index",
        .summary = "the index of a shard folder",
        .usage = "[ID SHARD OFFSET LENGTH LESION XXH3]...",
        .description = "For tests. A value of '-' is left out.",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &common,
        .common_options = COMMON_OUTPUT,
        .max_operands = -1,
    };
    static const char *const names[COLUMNS] = {"id", "shard", "offset", "length", "lesion", "xxh3"};
    const struct operands operands = cli_parse(&program, argc, argv);
    if (strcmp(size, "none") != 0 && !labels_parse_size(size, &sides[0], &sides[1], &error)) {
        die_usage("%s", error.text);
    }
    const struct value height_width[] = {value_integer((int64_t)sides[0]),
                                         value_integer((int64_t)sides[1])};
    struct output *output = output_open(common.output, OUTPUT_BYTES);
    const struct history history = {1, {text_of("make-index")}};
    struct stream_writer *writer = stream_create(output, KIND_INDEX, &history);
    for (int i = 0; i + COLUMNS <= operands.count; i += COLUMNS) {
        char **row = operands.items + i;
        struct field fields[COLUMNS];
        struct record record = {text_of(row[0]), 0, fields};
        for (int j = 1; j < COLUMNS; j++) {
            const bool number = j > 1 && j < 5;
            const struct value value =
                number ? value_integer(strtoll(row[j], NULL, 10)) : value_text(text_of(row[j]));
            if (row[j][0] != '-' || row[j][1] != 0) {
                fields[record.count++] = (struct field){text_of(names[j]), value};
            }
        }
        if (sides[0] > 0) {
            fields[record.count++] = (struct field){text_of("size"), value_list(height_width, 2)};
        }
        stream_write(writer, &record);
    }
    stream_finish(writer);
    output_close(output);
    return 0;
}
