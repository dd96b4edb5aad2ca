// survey: what X-rays and labels are, and what would go wrong with them later.
#include "core/error.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/survey/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *labels, *masks, *ids, *unlabelled, *size, *on_error;
    struct option_files test;
    bool json, pixels;
    struct common_options common;
};

static struct survey_request request_of(const struct options *options) {
    struct survey_request request = {
        .labels = options->labels,
        .masks = options->masks,
        .ids = options->ids,
        .unlabelled = strcmp(options->unlabelled, "keep") == 0   ? SURVEY_KEEP
                      : strcmp(options->unlabelled, "test") == 0 ? SURVEY_TEST
                                                                 : SURVEY_DROP,
        .pixels = options->pixels,
        .skip = strcmp(options->on_error, "skip") == 0,
        .quiet = options->common.quiet,
        .threads = (size_t)options->common.threads,
    };
    struct error error;
    const bool labelled = options->labels != NULL || options->masks != NULL;
    if (options->labels != NULL && options->masks != NULL) {
        die_usage("--labels and --masks: one of the two");
    }
    if (options->size != NULL && options->labels == NULL) {
        die_usage("--size says what run lengths refer to: it needs --labels");
    }
    if (options->size != NULL &&
        !labels_parse_size(options->size, &request.height, &request.width, &error)) {
        die_usage("--size %s", error.text);
    }
    if (request.unlabelled == SURVEY_TEST && (!labelled || options->test.count > 0)) {
        die_usage("--unlabelled test needs --labels or --masks, and no --test");
    }
    if (options->ids != NULL && options->test.count == 0 && request.unlabelled != SURVEY_TEST) {
        die_usage("--ids names test images: it needs --test or --unlabelled test");
    }
    return request;
}

static void say(const struct tally *findings, const char *kind) {
    for (size_t i = 0; i < findings->keys.count; i++) {
        const struct tally_row *row = &findings->rows[i];
        char more[40] = "";
        if (row->count > 1) {
            (void)snprintf(more, sizeof more, " (and %zu more)", row->count - 1);
        }
        warn("%s%.*s%s%.*s%s", kind, TEXT_ARG(row->example), row->example.length > 0 ? ": " : "",
             TEXT_ARG(row->name), more);
    }
}

static void print(const struct survey *survey, const struct options *options) {
    struct output *output = output_open(options->common.output, OUTPUT_TEXT);
    if (options->json) {
        survey_print_json(survey, output);
    } else {
        survey_print_table(survey, output);
    }
    output_close(output);
    say(&survey->failures, "");
    if (!options->common.quiet) {
        say(&survey->notices, "notice: ");
    }
}

static const char description[] =
    "Reads the headers of X-ray files (of any format that decode reads) and the labels, and prints "
    "what they are: formats, transfer syntaxes, sizes, bits, photometric interpretations; images "
    "with and without labels, how many show a lesion and how large these are. A folder stands for "
    "all files below it; for '-' the names are read from stdin, one a line.\n\n"
    "What would end decode or a later stage is said on stderr, each reason once with an example "
    "and "
    "a count, and the exit status is then 1: files that are damaged or of a kind that is not read, "
    "run lengths that do not parse or do not fit their image, masks of another size, ids without a "
    "file, two files of one id, labels that fit no image. What is only good to know follows as "
    "notices.\n\n"
    "Without --pixels nothing is decoded, so damage in the pixels themselves is not seen. With it, "
    "there are notices, too, of images of one grey level or fewer than 16, of those that are "
    "almost "
    "black (a mean below 8 of 255, or 99 of 100 pixels), and of images whose pixels equal "
    "another's: doubles falsify folds, and a training image among the test images is a leak.";

int main(int argc, char **argv) {
    struct options options = {
        .unlabelled = "drop", .on_error = "fail", .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"labels", 'l', OPTION_FILE, &options.labels, "CSV",
         "run lengths of the images (ImageId,EncodedPixels)", 0, 0, OPTION_SILENT},
        {"masks", 0, OPTION_FILE, &options.masks, "FOLDER",
         "mask images in place of run lengths, by id", 0, 0, OPTION_SILENT},
        {"test", 0, OPTION_FILES, &options.test, "FILE|FOLDER",
         "test images, a set of their own; may be given more than once", 0, 0, OPTION_SILENT},
        {"ids", 'i', OPTION_FILE, &options.ids, "CSV",
         "ids (ImageId,...) of a submission: each must have a test image", 0, 0, OPTION_SILENT},
        {"unlabelled", 0, OPTION_CHOICE, &options.unlabelled, "keep|drop|test",
         "what becomes of images without labels where there are some: they stay, are left out, or "
         "are the test images",
         0, 0, OPTION_SILENT},
        {"size", 0, OPTION_TEXT, &options.size, "HxW",
         "the size that run lengths refer to (default: each image's own)", 0, 0, OPTION_SILENT},
        {"on-error", 'e', OPTION_CHOICE, &options.on_error, "fail|skip",
         "whether a file that cannot be read will end decode or be left out", 0, 0, OPTION_SILENT},
        {"pixels", 'p', OPTION_FLAG, &options.pixels, NULL,
         "decode the images and masks, too: damage, blank and black pictures, doubles", 0, 0,
         OPTION_SILENT},
        {"json", 'j', OPTION_FLAG, &options.json, NULL, "one JSON object in place of the table", 0,
         0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "survey",
        .summary = "what X-rays and labels are, and what would go wrong with them later",
        .purpose = PURPOSE_READ,
        .usage = "[OPTION]... FILE|FOLDER|-...",
        .description = description,
        .examples = "survey --labels train-rle.csv train/ --test test/\n"
                    "survey --pixels --masks masks/ images/\n"
                    "survey --json --on-error skip xrays/ | jq .failures",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT | COMMON_QUIET | COMMON_THREADS,
        .min_operands = 1,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    const struct survey_request request = request_of(&options);
    struct survey survey = {.labelled = false};
    struct error error;
    bool good = true;
    for (int i = 0; good && i < operands.count; i++) {
        good = survey_add(&survey, &survey.train, operands.items[i], &error);
    }
    for (size_t i = 0; good && i < options.test.count; i++) {
        good = survey_add(&survey, &survey.test, options.test.paths[i], &error);
    }
    if (!good || !survey_run(&survey, &request, &error)) {
        die("%s", error.text);
    }
    print(&survey, &options);
    const bool fails = survey.failures.keys.count > 0;
    survey_free(&survey);
    free(options.test.paths);
    return fails ? 1 : 0;
}
