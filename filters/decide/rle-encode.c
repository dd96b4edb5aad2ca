// rle-encode: probabilities or masks in a stream become run lengths in a CSV.
#include "challenge/labels.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/masks.h"
#include "program/streams/streams.h"

#include <stdlib.h>
#include <string.h>

struct options {
    struct mask_options masks;
    const char *size;
    struct common_options common;
};

struct encoder {
    struct mask_stream masks;
    size_t height, width; // 0: any
    struct runs runs;
    struct runs_text text;
};

static bool check_id(struct text id, struct error *error) {
    if (id.length == 0 || memchr(id.bytes, 0, id.length) != NULL) {
        return fail(error, "'%.*s': an empty id, or a NUL byte in one, cannot stand in a CSV",
                    TEXT_ARG(id));
    }
    return true;
}

static bool check_size(const struct encoder *encoder, struct error *error) {
    const struct image *mask = &encoder->masks.mask;
    return encoder->height == 0 ||
           (mask->height == encoder->height && mask->width == encoder->width) ||
           fail(error, "%.*s: is %zux%zu, and --size is %zux%zu",
                TEXT_ARG(encoder->masks.record.id), mask->height, mask->width, encoder->height,
                encoder->width);
}

// One row of the CSV.
static bool encode(struct encoder *encoder, struct output *output, struct error *error) {
    struct mask_stream *masks = &encoder->masks;
    struct text fields[] = {masks->record.id, text_of("-1")};
    if (!check_id(masks->record.id, error) || !mask_stream_take(masks, error) ||
        !check_size(encoder, error)) {
        return false;
    }
    if (masks->decision == DECISION_KEEP) {
        if (!runs_trace(&encoder->runs, &masks->mask, error) ||
            !runs_format(&encoder->text, &encoder->runs, error)) {
            return false;
        }
        fields[1] = (struct text){encoder->text.bytes, encoder->text.length};
    }
    csv_write(output_sink(output), fields, COUNT_OF(fields));
    return true;
}

static void encode_stream(struct encoder *encoder, struct output *output, bool quiet) {
    const struct text header[] = {text_of(COLUMN_ID), text_of(COLUMN_RUNS)};
    struct progress progress = progress_start("images", 0, quiet);
    struct error error;
    csv_write(output_sink(output), header, COUNT_OF(header));
    while (mask_stream_next(&encoder->masks)) {
        if (!encode(encoder, output, &error)) {
            stream_die(encoder->masks.reader, &error);
        }
        progress_step(&progress);
    }
    progress_end(&progress);
}

static void run(const struct options *options, const char *path) {
    struct encoder encoder = {.height = 0};
    struct error error;
    if (options->size != NULL &&
        !labels_parse_size(options->size, &encoder.height, &encoder.width, &error)) {
        die_usage("--size %s", error.text);
    }
    struct output *output = output_open(options->common.output, OUTPUT_TEXT);
    mask_stream_open(&encoder.masks, path, &options->masks, options->common.max_record);
    encode_stream(&encoder, output, options->common.quiet);
    mask_stream_close(&encoder.masks);
    output_close(output);
    runs_free(&encoder.runs);
    free(encoder.text.bytes);
}

int main(int argc, char **argv) {
    struct options options = {.masks = {.threshold = MASKS_USUAL_THRESHOLD},
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        MASK_ROWS(options.masks),
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
