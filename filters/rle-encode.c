// rle-encode: probabilities or masks in a stream become run lengths in a CSV.
#include "challenge/calibration/rule.h"
#include "challenge/decisions.h"
#include "challenge/ensemble.h"
#include "challenge/labels.h"
#include "program/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/streams.h"

#include <stdlib.h>
#include <string.h>

#define USUAL_THRESHOLD 0.5

struct options {
    double threshold;
    const char *decisions, *rule, *size;
    struct common_options common;
};

struct encoder {
    double threshold;
    bool probabilities;   // or masks
    size_t height, width; // 0: any
    struct image mask;
    struct runs runs;
    struct runs_text text;
};

// The record's mask in encoder->mask, at the size that was asked for.
static bool read_mask(struct encoder *encoder, const struct record *record, struct error *error) {
    const bool read = encoder->probabilities
                          ? mask_from_probability(record, encoder->threshold, &encoder->mask, error)
                          : mask_from_sample(record, &encoder->mask, error);
    if (read && encoder->height > 0 &&
        (encoder->mask.height != encoder->height || encoder->mask.width != encoder->width)) {
        return fail(error, "%.*s: is %zux%zu, and --size is %zux%zu", TEXT_ARG(record->id),
                    encoder->mask.height, encoder->mask.width, encoder->height, encoder->width);
    }
    return read;
}

static bool check_id(struct text id, struct error *error) {
    if (id.length == 0 || memchr(id.bytes, 0, id.length) != NULL) {
        return fail(error, "'%.*s': an empty id, or a NUL byte in one, cannot stand in a CSV",
                    TEXT_ARG(id));
    }
    return true;
}

// One row of the CSV.
static bool encode(struct encoder *encoder, const struct record *record, enum decision decision,
                   struct output *output, struct error *error) {
    struct text fields[] = {record->id, text_of("-1")};
    if (decision == DECISION_USED) {
        return fail(error, "'%.*s' a second time", TEXT_ARG(record->id));
    }
    if (!check_id(record->id, error) || !read_mask(encoder, record, error)) {
        return false;
    }
    if (decision == DECISION_KEEP) {
        if (!runs_trace(&encoder->runs, &encoder->mask, error) ||
            !runs_format(&encoder->text, &encoder->runs, error)) {
            return false;
        }
        fields[1] = (struct text){encoder->text.bytes, encoder->text.length};
    }
    csv_write(output_sink(output), fields, COUNT_OF(fields));
    return true;
}

static void encode_stream(struct encoder *encoder, struct stream_reader *reader,
                          struct decisions *decisions, struct output *output, bool quiet) {
    const struct text header[] = {text_of(COLUMN_ID), text_of(COLUMN_RUNS)};
    struct progress progress = progress_start("images", 0, quiet);
    struct record record;
    struct error error;
    csv_write(output_sink(output), header, COUNT_OF(header));
    while (stream_read(reader, &record)) {
        enum decision decision = DECISION_USED;
        if (!decisions_take(decisions, record.id, &decision, &error)) {
            die("%s", error.text);
        }
        if (!encode(encoder, &record, decision, output, &error)) {
            stream_die(reader, &error);
        }
        progress_step(&progress);
    }
    progress_end(&progress);
}

// The threshold that was given, or the rule's.
static double mask_threshold(const struct options *options) {
    struct rule rule;
    struct error error;
    if (options->rule == NULL) {
        return options->threshold;
    }
    if (options->threshold != USUAL_THRESHOLD) {
        die_usage("--threshold: the rule has one");
    }
    if (!rule_read(&rule, options->rule, options->common.max_record, &error)) {
        die("%s", error.text);
    }
    return rule.mask;
}

static void run(const struct options *options, const char *path) {
    struct encoder encoder = {.threshold = mask_threshold(options)};
    struct error error;
    if (options->size != NULL &&
        !labels_parse_size(options->size, &encoder.height, &encoder.width, &error)) {
        die_usage("--size %s", error.text);
    }
    if (options->decisions != NULL && strcmp(options->decisions, path) == 0) {
        die_usage("--decisions %s: the masks come from there too", path);
    }
    struct output *output = output_open(options->common.output, OUTPUT_TEXT);
    struct stream_reader *reader = stream_open_or_die(path, NULL, options->common.max_record);
    encoder.probabilities = strcmp(stream_kind(reader), KIND_PROBABILITIES) == 0;
    if (!encoder.probabilities && strcmp(stream_kind(reader), KIND_SAMPLES) != 0) {
        die("%s: holds %s, and probabilities or samples are needed here", path,
            stream_kind(reader));
    }
    struct decisions decisions;
    if (!decisions_open(&decisions, options->decisions, options->common.max_record, &error)) {
        die("%s", error.text);
    }
    encode_stream(&encoder, reader, &decisions, output, options->common.quiet);
    if (!decisions_end(&decisions, &error)) {
        die("%s", error.text);
    }
    decisions_free(&decisions);
    output_close(output);
    stream_close(reader);
    image_free(&encoder.mask);
    runs_free(&encoder.runs);
    free(encoder.text.bytes);
}

int main(int argc, char **argv) {
    struct options options = {.threshold = USUAL_THRESHOLD, .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"threshold", 0, OPTION_NUMBER, &options.threshold, "P",
         "a pixel is lesion where its probability is above P", 0, 1, OPTION_RECORDED},
        {"rule", 0, OPTION_FILE, &options.rule, "STREAM",
         "take the threshold from the rule that calibrate wrote", 0, 0, OPTION_RECORDED},
        {"decisions", 'd', OPTION_FILE, &options.decisions, "STREAM",
         "write -1 for the images that are not kept in this stream of decisions", 0, 0,
         OPTION_RECORDED},
        {"size", 's', OPTION_TEXT, &options.size, "HxW",
         "refuse masks of another height and width (default: any)", 0, 0, OPTION_RECORDED},
    };
    const struct program program = {
        .name = "rle-encode",
        .summary = "turn probabilities or masks into run lengths in a CSV",
        .purpose = PURPOSE_DECIDE,
        .usage = "[OPTION]... [STREAM]",
        .description =
            "Reads probabilities, or samples with a `mask`, and writes the CSV that the challenge "
            "takes: `ImageId,EncodedPixels`, one row an image in the order of the stream, -1 for "
            "an empty mask. Ids that hold commas, quotes or line ends are quoted. A "
            "probability that is not finite, or a mask's byte above 1, ends the program with "
            "status "
            "1.\n\n"
            "With --decisions every image must have one decision (see classify), and every "
            "decision its image. Decisions are read as they are needed, so they may come from a "
            "program that works on the same stream at the same time.\n\n"
            "An id that comes twice ends the program with status 1. Memory holds ids and decisions "
            "only. Reads stdin when no STREAM is named, or for '-'.",
        .examples = "merge fold*.mpk | rle-encode -o submission.csv\n"
                    "rle-encode --decisions decisions.mpk mean.mpk -o submission.csv",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    run(&options, operands.count > 0 ? operands.items[0] : "-");
    return 0;
}
