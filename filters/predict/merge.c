// merge: the mean or deviation of several streams in step, record by record, in constant memory.
#include "challenge/merge.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/streams.h"
#include "weights/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *weights, *type;
    bool deviation;
    struct common_options common;
};

struct inputs {
    size_t count;
    const char **names; // for messages
    struct stream_reader **readers;
    struct record *records;
    double *weights;
    bool checkpoints; // they are of kind weights
    bool *stated;     // whose record `state` has been read
};

static void parse_weights(const char *text, struct inputs *inputs) {
    double total = 0;
    size_t count = 0;
    for (const char *rest = text;;) {
        char *end = NULL;
        const double weight = strtod(rest, &end);
        if (end == rest || (*end != ',' && *end != 0) || !(weight >= 0) || !isfinite(weight)) {
            die_usage("--weights '%s': not numbers from 0 up, separated by commas", text);
        }
        if (count < inputs->count) {
            inputs->weights[count] = weight;
        }
        total += weight;
        count++;
        if (*end == 0) {
            break;
        }
        rest = end + 1;
    }
    if (count != inputs->count) {
        die_usage("--weights '%s': %zu weights for %zu streams", text, count, inputs->count);
    }
    if (!(total > 0) || !isfinite(total)) {
        die_usage("--weights '%s': their sum must be above 0", text);
    }
}

static struct inputs prepare(const struct operands *operands, const char *weights) {
    const size_t count = operands->count > 0 ? (size_t)operands->count : 1;
    struct inputs inputs = {.count = count,
                            .names = calloc(count, sizeof(char *)),
                            .readers = calloc(count, sizeof(struct stream_reader *)),
                            .records = calloc(count, sizeof(struct record)),
                            .weights = calloc(count, sizeof(double)),
                            .stated = calloc(count, sizeof(bool))};
    if (!inputs.names || !inputs.readers || !inputs.records || !inputs.weights || !inputs.stated) {
        die("no memory for %zu streams", count);
    }
    for (size_t k = 0; k < count; k++) {
        const char *path = operands->count > 0 ? operands->items[k] : "-";
        inputs.names[k] = path;
        inputs.weights[k] = 1;
    }
    if (weights != NULL) {
        parse_weights(weights, &inputs);
    }
    return inputs;
}

static void open_inputs(struct inputs *inputs, size_t max_record) {
    for (size_t k = 0; k < inputs->count; k++) {
        const char *path = inputs->names[k];
        inputs->readers[k] = stream_open_or_die(path, NULL, max_record);
        inputs->names[k] = strcmp(path, "-") == 0 ? "stdin" : path;
        const char *kind = stream_kind(inputs->readers[k]);
        if (strcmp(kind, stream_kind(inputs->readers[0])) != 0) {
            die("%s: holds %s, and %s holds %s", inputs->names[k], kind, inputs->names[0],
                stream_kind(inputs->readers[0]));
        }
    }
    inputs->checkpoints = strcmp(stream_kind(inputs->readers[0]), KIND_WEIGHTS) == 0;
}

// The next record of one stream. What an optimizer remembers has no mean that would be of use, and
// networks one behind another would come out as one, with every name several times.
static bool read_one(struct inputs *inputs, size_t k, bool unchanged) {
    const struct record *record = &inputs->records[k];
    while (stream_read(inputs->readers[k], &inputs->records[k])) {
        const bool remembered =
            inputs->checkpoints && text_begins(record->id, CHECKPOINT_OPTIMIZER);
        if (inputs->checkpoints && inputs->stated[k] && !remembered) {
            die("%s: another network begins here, and files of one are merged",
                stream_place(inputs->readers[k]));
        }
        inputs->stated[k] = inputs->stated[k] || text_is(record->id, CHECKPOINT_STATE);
        if (unchanged || !remembered) {
            return true;
        }
    }
    return false;
}

// The next record of every stream; false where all have ended.
static bool read_all(struct inputs *inputs, bool unchanged, uint64_t record_number) {
    const size_t none = inputs->count;
    size_t ended = none;
    size_t going = none;
    for (size_t k = 0; k < inputs->count; k++) {
        if (read_one(inputs, k, unchanged)) {
            going = going == none ? k : going;
            // Lists are the first stream's: those of the others are not held side by side.
            if (k > 0) {
                stream_drop_lists(inputs->readers[k]);
            }
        } else {
            ended = ended == none ? k : ended;
        }
    }
    if (ended != none && going != none) {
        die("%s: ends after %" PRIu64 " records, and %s goes on with '%.*s'", inputs->names[ended],
            record_number, inputs->names[going], TEXT_ARG(inputs->records[going].id));
    }
    return going != none;
}

static enum dtype type_named(const char *name, const char *kind) {
    if (name == NULL) {
        return strcmp(kind, KIND_PROBABILITIES) == 0 ? DTYPE_F2 : DTYPE_COUNT;
    }
    return strcmp(name, "f2") == 0 ? DTYPE_F2 : strcmp(name, "f4") == 0 ? DTYPE_F4 : DTYPE_F8;
}

static void merge_streams(struct inputs *inputs, const struct options *options,
                          struct stream_writer *writer) {
    const char *kind = stream_kind(inputs->readers[0]);
    const bool unchanged = inputs->count == 1 && options->type == NULL && !options->deviation;
    struct progress progress = progress_start("records", 0, options->common.quiet);
    struct error error;
    struct merge *merge = calloc(1, sizeof *merge);
    if (merge == NULL) {
        die("no memory");
    }
    merge->count = inputs->count;
    merge->names = inputs->names;
    merge->weights = inputs->weights;
    merge->deviation = options->deviation;
    merge->type = type_named(options->type, kind);
    merge->from_first = inputs->checkpoints ? CHECKPOINT_STATE : NULL;
    for (uint64_t record_number = 0; read_all(inputs, unchanged, record_number); record_number++) {
        const bool good = unchanged
                              ? merge_pass(merge, &inputs->records[0], &error)
                              : merge_records(merge, inputs->records, record_number + 1, &error);
        if (!good) {
            die("%s", error.text);
        }
        stream_write(writer, unchanged ? &inputs->records[0] : &merge->record);
        progress_step(&progress);
    }
    progress_end(&progress);
    merge_free(merge);
    free(merge);
}

static void close_inputs(struct inputs *inputs) {
    for (size_t k = 0; k < inputs->count; k++) {
        stream_close(inputs->readers[k]);
    }
    free(inputs->names);
    free(inputs->readers);
    free(inputs->records);
    free(inputs->weights);
    free(inputs->stated);
}

int main(int argc, char **argv) {
    struct options options = {.common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"weights", 'w', OPTION_TEXT, &options.weights, "W1,W2,...",
         "weigh the streams; only the ratios count (default: all alike)", 0, 0, OPTION_RECORDED},
        {"type", 0, OPTION_CHOICE, &options.type, "f2|f4|f8",
         "element type of what is written (default: f2 for probabilities, else as in the first "
         "stream)",
         0, 0, OPTION_RECORDED},
        {"deviation", 'd', OPTION_FLAG, &options.deviation, NULL,
         "standard deviations in place of means: how far the streams are apart", 0, 0,
         OPTION_RECORDED},
    };
    const struct program program = {
        .name = "merge",
        .summary = "mean or deviation of several tensor streams, record by record",
        .purpose = PURPOSE_PREDICT,
        .usage = "[OPTION]... [STREAM]...",
        .description =
            "Reads all streams in step and writes one record for each step: tensors of floating "
            "type become their mean, summed in double in the order of the streams and rounded "
            "once. Other tensors must be equal in all streams. Numbers, texts and lists are taken "
            "from the first stream, and so is the order of the fields.\n\n"
            "The streams must be of one kind, with the same ids in the same order and equal "
            "shapes, and all numbers finite: a NaN or an infinity ends the program with status 1. "
            "Memory holds one record of each stream. One stream alone passes unchanged.\n\n"
            "Of checkpoints, which must be of one network, the parameters are averaged, running "
            "statistics as well. The record '" CHECKPOINT_STATE "' is the first stream's, and "
            "records '" CHECKPOINT_OPTIMIZER "...' (moments, gradients) are left out: the mean can "
            "predict, or start a run, but not go on with one.\n\n"
            "With --deviation the stream is of the kind " KIND_DEVIATIONS
            ", with the same records and fields. "
            "A number is the square root of the weighed mean of squares of the distances from the "
            "mean: of these streams, not an estimate for others. overlay outlines where it is "
            "above "
            "a threshold.\n\n"
            "Reads stdin when no STREAM is named, or for '-'. Compressed files are zstd(1)'s "
            "business.",
        .examples =
            "merge fold0.mpk fold1.mpk fold2.mpk -o mean.mpk\n"
            "merge <(zstd -dc a.mpk.zst) <(zstd -dc b.mpk.zst) | rle-encode -o rle.csv\n"
            "merge --weights 2,1 unet.mpk bisenet.mpk | inspect\n"
            "overlay samples.mpk -d apart --threshold 0.2 -p <(merge --deviation fold*.mpk)",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    struct inputs inputs = prepare(&operands, options.weights);
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    open_inputs(&inputs, options.common.max_record);
    struct history history = {.count = 0};
    for (size_t k = 0; k < inputs.count; k++) {
        history_add_all(&history, stream_history(inputs.readers[k]));
    }
    history_add(&history, text_of(operands.history));
    const char *kind = options.deviation ? KIND_DEVIATIONS : stream_kind(inputs.readers[0]);
    struct stream_writer *writer = stream_create(output, kind, &history);
    merge_streams(&inputs, &options, writer);
    stream_finish(writer);
    output_close(output);
    close_inputs(&inputs);
    return 0;
}
