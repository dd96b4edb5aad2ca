// inspect: what a tensor stream holds, as a table or as JSON; or only whether it is whole.
#include "program/cli/cli.h"
#include "program/progress.h"
#include "program/streams/sources.h"
#include "program/streams/summary.h"

#include <string.h>

struct options {
    bool check, json;
    struct common_options common;
};

static void inspect(char *const *path, const struct options *options, struct output *output) {
    struct sources source;
    struct progress progress = progress_start("records", 0, options->common.quiet);
    struct summary summary;
    struct record record;
    sources_open(&source, path, 1, NULL, options->common.max_record);
    if (!options->check) {
        summary = summary_start(output, options->json, sources_path(&source), source.kind,
                                &source.history);
        output_hand_on(output);
    }
    while (sources_read(&source, &record)) {
        if (!options->check) {
            summary_record(&summary, &record);
            output_hand_on(output);
        }
        progress_step(&progress);
    }
    if (!options->check) {
        summary_end(&summary);
    }
    progress_end(&progress);
    sources_close(&source);
}

int main(int argc, char **argv) {
    struct options options = {.common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"check", 'c', OPTION_FLAG, &options.check, NULL,
         "verify counts, shapes and hashes only; print nothing when all is well", 0, 0,
         OPTION_SILENT},
        {"json", 'j', OPTION_FLAG, &options.json, NULL, "one JSON line a header and a record", 0, 0,
         OPTION_SILENT},
    };
    const struct program program = {
        .name = "inspect",
        .summary = "show what tensor streams hold",
        .purpose = PURPOSE_LOOK,
        .usage = "[OPTION]... [STREAM]...",
        .description =
            "Prints one line a value: record, name, type, shape, and of tensors the least, the "
            "mean and the greatest element. Reads stdin when no STREAM is named, or for '-'. "
            "A shard folder is read by its index: its samples.\n\n"
            "A stream that is cut short, damaged or malformed ends it with status 1 and a line "
            "that names file, record and byte.",
        .examples = "decode xrays/ | inspect\ninspect --check shards/*.mpk",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    struct output *output = output_open(options.common.output, OUTPUT_TEXT);
    for (int i = 0; i < operands.count; i++) {
        inspect(operands.items + i, &options, output);
    }
    if (operands.count == 0) {
        inspect((char *[]){"-"}, &options, output);
    }
    output_close(output);
    return 0;
}
