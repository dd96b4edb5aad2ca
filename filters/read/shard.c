// shard: samples into files of a bounded size with an index, for random access; or a check of such
// a folder.
#include "dataset/sample.h"
#include "dataset/shards/shards.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/shard_writer.h"
#include "program/streams/sources.h"

struct options {
    size_t size;
    bool verify;
    struct common_options common;
};

static void shard(const struct options *options, const struct operands *operands) {
    struct sources sources;
    struct sample_mask mask = {.labelled = false};
    struct record sample;
    struct error error;
    sources_open(&sources, operands->items + 1, (size_t)operands->count - 1, KIND_SAMPLES,
                 options->common.max_record);
    struct history history = sources.history;
    history_add(&history, text_of(operands->history));
    struct shard_writer *writer = shard_writer_open(operands->items[0], options->size, &history);
    struct progress progress = progress_start("samples", 0, options->common.quiet);
    while (sources_read(&sources, &sample)) {
        int64_t lesion = 0;
        if (!sample_lesion(&mask, &sample, &lesion, &error)) {
            sources_die(&sources, &error);
        }
        shard_writer_add(writer, &sample, lesion, mask.height, mask.width);
        progress_step(&progress);
    }
    progress_end(&progress);
    shard_writer_finish(writer);
    sources_close(&sources);
    sample_mask_free(&mask);
}

int main(int argc, char **argv) {
    struct options options = {.size = (size_t)256 << 20, .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"size", 's', OPTION_BYTES, &options.size, "SIZE",
         "end a shard with the record that reaches SIZE (default: 256M)", 1, 1e15, OPTION_SILENT},
        {"verify", 'c', OPTION_FLAG, &options.verify, NULL,
         "check DIR instead of writing it; print nothing when all is well", 0, 0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "shard",
        .summary = "store samples for random access",
        .purpose = PURPOSE_READ,
        .usage = "[OPTION]... DIR [SOURCE]...\n   or: shard --verify DIR",
        .description =
            "Writes the samples of the SOURCEs (streams or other shard folders; stdin when none is "
            "named, or for '-') to "
            "DIR/shard-NUMBER-DIGEST.mpk, which are tensor streams themselves, and where each lies "
            "to DIR/index.mpk: id, shard, offset and length in bytes, lesion, its mask's pixels "
            "(-1 without labels), size, its height and width, and xxh3, the hash of its bytes, "
            "with which programs that read DIR compare what they read. Equal samples give equal "
            "files.\n\n"
            "DIR is made if need be. A shard folder that is there already is replaced when the new "
            "one is whole, and not before: until then, and after an error or a kill, it is as it "
            "was. Other files in DIR stay. An id that comes twice is an error.\n\n"
            "With --verify, reads all of DIR: every shard must be whole, and the index must have "
            "each record's place, id, bytes, lesion and size, and no other.",
        .examples = "decode xrays/ --labels train-rle.csv | shard shards/\n"
                    "shard --verify shards/\n"
                    "cat shards/shard-*.mpk | inspect",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_QUIET | COMMON_MAX_RECORD,
        .min_operands = 1,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    struct error error;
    if (!options.verify) {
        shard(&options, &operands);
        return 0;
    }
    if (operands.count > 1) {
        die_usage("'%s': --verify takes one folder", operands.items[1]);
    }
    if (!shards_verify(operands.items[0], options.common.max_record, &error)) {
        die("%s", error.text);
    }
    return 0;
}
