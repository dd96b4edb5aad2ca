// make-index: the index of a shard folder with any entries, hostile ones too, for the tests of
// programs.
#include "core/cli.h"
#include "stream/writer.h"

#include <stdio.h>
#include <stdlib.h>

#define COLUMNS 5

int main(int argc, char **argv) {
    struct common_options common = common_defaults();
    const struct program program = {
        .name = "make-index",
        .summary = "the index of a shard folder",
        .usage = "[ID SHARD OFFSET LENGTH LESION]...",
        .description = "For tests. A value of '-' is left out.",
        .common = &common,
        .common_options = COMMON_OUTPUT,
        .operands_most = -1,
    };
    static const char *const names[COLUMNS] = {"id", "shard", "offset", "length", "lesion"};
    const struct operands operands = cli_parse(&program, argc, argv);
    struct output *output = output_open(common.output, OUTPUT_BYTES);
    const struct history history = {1, {text_of("make-index")}};
    struct stream_writer *writer = stream_create(output, KIND_INDEX, &history);
    for (int i = 0; i + COLUMNS <= operands.count; i += COLUMNS) {
        char **row = operands.at + i;
        struct field fields[COLUMNS - 1];
        struct record record = {text_of(row[0]), 0, fields};
        for (int j = 1; j < COLUMNS; j++) {
            const bool number = j > 1;
            const struct value value =
                number ? value_integer(strtoll(row[j], NULL, 10)) : value_text(text_of(row[j]));
            if (row[j][0] != '-' || row[j][1] != 0) {
                fields[record.count++] = (struct field){text_of(names[j]), value};
            }
        }
        stream_write(writer, &record);
    }
    stream_finish(writer);
    output_close(output);
    return 0;
}
