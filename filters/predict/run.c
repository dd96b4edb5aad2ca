// run: X-rays to results, as a shell script of the other programs.
#include "core/file.h"
#include "core/text/ascii.h"
#include "core/text/number.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/streams/masks.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_GIVEN (-1)

struct options {
    const char *model, *to, *rule, *device, *on_error;
    double threshold, ratio;
    int64_t area;
    bool flip, show;
    int64_t usual_threads;
    struct common_options common;
};

static bool gives(const struct options *options, const char *format) {
    return strcmp(options->to, format) == 0;
}

// Whether some images are to be without a lesion though they have pixels above the threshold.
static bool decides(const struct options *options) {
    return options->rule != NULL || options->ratio >= 0 || options->area >= 0;
}

// ---- words of the shell

static bool is_plain(char c) {
    return ascii_is_letter(c) || ascii_is_digit(c) || (c != 0 && strchr("_./:=@%+,-", c) != NULL);
}

// A word, in quotes where it must be; control characters as escapes, so that a line stays one.
static void put_quoted(FILE *script, const char *text) {
    bool plain = *text != 0;
    bool control = false;
    for (const char *c = text; *c != 0; c++) {
        plain = plain && is_plain(*c);
        control = control || (unsigned char)*c < ' ' || *c == 0x7F;
    }
    const char *quote = plain ? "" : "'";
    (void)fprintf(script, "%s%s", control ? "$" : "", quote);
    for (const char *c = text; *c != 0; c++) {
        if (control && ((unsigned char)*c < ' ' || *c == 0x7F || *c == '\'' || *c == '\\')) {
            (void)fprintf(script, "\\%03o", (unsigned)(unsigned char)*c);
        } else if (*c == '\'') {
            (void)fputs("'\\''", script);
        } else {
            (void)fputc(*c, script);
        }
    }
    (void)fputs(quote, script);
}

static void put_word(FILE *script, const char *text) {
    (void)fputc(' ', script);
    put_quoted(script, text);
}

static void put_option(FILE *script, const char *option, const char *value) {
    if (value != NULL) {
        (void)fprintf(script, " %s", option);
        put_word(script, value);
    }
}

static void put_number(FILE *script, const char *option, double number) {
    char text[NUMBER_TEXT_SIZE];
    number_text(text, number);
    put_option(script, option, text);
}

// Options that several of the programs have.
static void put_common(FILE *script, const struct options *options, bool threads) {
    if (threads && options->common.threads != options->usual_threads) {
        (void)fprintf(script, " --threads %" PRId64, options->common.threads);
    }
    if (options->common.quiet) {
        (void)fputs(" --quiet", script);
    }
}

// ---- the script

// Where results that are several files go, so that no part of it can be taken for an option.
static void put_folder(FILE *script, const struct options *options, const char *ending) {
    char path[PATH_MAX];
    const char *given = options->common.output;
    size_t length = strlen(given);
    while (length > 1 && given[length - 1] == '/') {
        length--;
    }
    if (snprintf(path, sizeof path, "%s%.*s%s", *given == '-' ? "./" : "", (int)length, given,
                 ending) >= (int)sizeof path) {
        die("%s: too long a path", given);
    }
    put_word(script, path);
}

static void put_head(FILE *script, const struct options *options, const struct operands *operands,
                     bool scratch) {
    char folder[PATH_MAX];
    struct error error;
    if (!file_program_folder(folder, sizeof folder, &error)) {
        die("%s", error.text);
    }
    (void)fputs("set -eu -o pipefail\nexport PATH=", script);
    put_quoted(script, folder);
    (void)fputs(":$PATH\nset --", script);
    for (int i = 0; i < operands->count; i++) {
        put_word(script, operands->items[i]);
    }
    (void)fputc('\n', script);
    if (scratch) {
        (void)fputs("folder=$(mktemp -d", script);
        if (gives(options, "dicom")) { // from where files can be moved into place
            put_folder(script, options, ".XXXXXX");
        }
        (void)fputs(")\ntrap 'rm -rf \"$folder\"' EXIT\n", script);
    }
}

// From files to probabilities: no line end behind it.
static void put_prediction(FILE *script, const struct options *options) {
    (void)fputs("decode", script);
    if (strcmp(options->on_error, "fail") != 0) {
        put_option(script, "--on-error", options->on_error);
    }
    put_common(script, options, true);
    (void)fputs(" -- \"$@\" |\n    ", script);
    if (gives(options, "png")) {
        (void)fputs("tee \"$folder/samples.mpk\" |\n    ", script);
    }
    (void)fputs("predict-fold", script);
    put_option(script, "--model", options->model);
    put_option(script, "--device", options->device);
    (void)fputs(options->flip ? " --flip" : "", script);
    put_common(script, options, true);
}

// What classify, rle-encode and seg know of the rule.
static void put_threshold(FILE *script, const struct options *options) {
    put_option(script, "--rule", options->rule);
    if (options->rule == NULL && options->threshold != MASKS_USUAL_THRESHOLD) {
        put_number(script, "--threshold", options->threshold);
    }
}

static void put_decisions(FILE *script, const struct options *options) {
    if (!decides(options)) {
        return;
    }
    (void)fputs("classify", script);
    if (options->ratio >= 0) {
        put_number(script, "--ratio", options->ratio);
    }
    if (options->area >= 0) {
        (void)fprintf(script, " --area %" PRId64, options->area);
    }
    put_threshold(script, options);
    put_common(script, options, false);
    (void)fputs(" \"$folder/probabilities.mpk\" -o \"$folder/decisions.mpk\"\n", script);
}

// A program that makes masks of probabilities: its name and options for this.
static void put_masks(FILE *script, const struct options *options, const char *program) {
    (void)fputs(program, script);
    put_threshold(script, options);
    (void)fputs(decides(options) ? " --decisions \"$folder/decisions.mpk\"" : "", script);
    put_common(script, options, false);
}

static void put_pictures(FILE *script, const struct options *options) {
    put_masks(script, options, "rle-encode");
    (void)fputs(" \"$folder/probabilities.mpk\" |\n    rle-decode --sizes \"$folder/samples.mpk\"",
                script);
    put_common(script, options, false);
    (void)fputs(" |\n    overlay --predictions - --directory", script);
    put_folder(script, options, "");
    put_common(script, options, false);
    (void)fputs(" \"$folder/samples.mpk\"\n", script);
}

static void put_objects(FILE *script, const struct options *options) {
    (void)fputs("sources=()\nfor file; do sources+=(--source \"$file\"); done\n", script);
    put_masks(script, options, "seg");
    put_option(script, "--weights", options->model);
    (void)fputs(" \"${sources[@]}\" \"$folder/objects\" \"$folder/probabilities.mpk\"\nmkdir -p",
                script);
    put_folder(script, options, "");
    (void)fputs("\nfind \"$folder/objects\" -type f -exec mv -t", script);
    put_folder(script, options, "");
    (void)fputs(" {} +\n", script);
}

static void put_script(FILE *script, const struct options *options,
                       const struct operands *operands) {
    const bool pipe = gives(options, "csv") && !decides(options);
    put_head(script, options, operands, !pipe);
    put_prediction(script, options);
    if (pipe) {
        (void)fputs(" |\n    ", script);
    } else {
        (void)fputs(" -o \"$folder/probabilities.mpk\"\n", script);
        put_decisions(script, options);
    }
    if (gives(options, "csv")) {
        put_masks(script, options, "rle-encode");
        (void)fputs(pipe ? "" : " \"$folder/probabilities.mpk\"", script);
        put_option(script, "-o", options->common.output);
        (void)fputc('\n', script);
    } else if (gives(options, "png")) {
        put_pictures(script, options);
    } else {
        put_objects(script, options);
    }
}

// Writes the script to a file without a name, which bash takes the place of this program with.
__attribute__((noreturn)) static void run(const struct options *options,
                                          const struct operands *operands) {
    char path[40];
    const int descriptor = memfd_create("pleura-run", 0);
    FILE *script = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (script == NULL) {
        die("no memory for a script: %s", strerror(errno));
    }
    put_script(script, options, operands);
    if (fflush(script) != 0 || ferror(script)) {
        die("the script cannot be written: %s", strerror(errno));
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    (void)execlp("bash", "bash", path, (char *)NULL);
    die("bash: %s", strerror(errno));
}

static void show(const struct options *options, const struct operands *operands) {
    put_script(stdout, options, operands);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        die("stdout: %s", strerror(errno));
    }
}

static void check_options(const struct options *options, const struct operands *operands) {
    const char *output = options->common.output;
    if (options->model == NULL) {
        die_usage("--model FILE: which weights?");
    }
    if ((options->ratio >= 0) + (options->area >= 0) + (options->rule != NULL) > 1) {
        die_usage("--ratio, --area and --rule: one of them");
    }
    if (options->rule != NULL && options->threshold != MASKS_USUAL_THRESHOLD) {
        die_usage("--threshold: the rule has one");
    }
    if (gives(options, "csv")) {
        return;
    }
    if (output == NULL || strcmp(output, "-") == 0 || output[strspn(output, "/")] == 0) {
        die_usage("--to %s: into which folder? -o FOLDER", options->to);
    }
    for (int i = 0; gives(options, "dicom") && i < operands->count; i++) {
        if (strcmp(operands->items[i], "-") == 0) {
            die_usage("--to dicom: names of files or folders are wanted, not '-': their headers "
                      "are read once more");
        }
    }
}

// What would be in the way of a folder of results is said before any work.
static void check_folder(const struct options *options) {
    struct stat status;
    const char *output = options->common.output;
    if (!gives(options, "csv") && stat(output, &status) == 0 && !S_ISDIR(status.st_mode)) {
        die("%s: %s", output, strerror(ENOTDIR));
    }
}

static const char description[] =
    "Takes X-ray files (see decode) to results in one word: decode, predict-fold, the rule that "
    "says what is a lesion, and then a CSV of run lengths (csv, to stdout or -o FILE), pictures "
    "with the lesions outlined (png, into -o FOLDER), or DICOM segmentations of the images with a "
    "lesion (dicom, into -o FOLDER).\n\n"
    "A pixel is lesion where its probability is above --threshold, and an image has one where "
    "there is such a pixel; --area, --ratio or a --rule that calibrate wrote decide otherwise (see "
    "classify). The weights tell their network and its side. Checkpoints of one network may stand "
    "one behind another in FILE (see predict-fold): the mean of their probabilities counts.\n\n"
    "It is a shell script of Pleura's other programs, and nothing else: --show prints it. The "
    "first of them that fails ends it, with its status; results are whole or absent. What lies "
    "between the programs goes through pipes, or into a folder in $TMPDIR (dicom: beside FOLDER) "
    "that is removed at the end.\n\n"
    "This is research software and not a medical device: nothing it prints is a finding.";

int main(int argc, char **argv) {
    struct options options = {.to = "csv",
                              .on_error = "fail",
                              .threshold = MASKS_USUAL_THRESHOLD,
                              .ratio = NOT_GIVEN,
                              .area = NOT_GIVEN,
                              .common = cli_common_defaults()};
    options.usual_threads = options.common.threads;
    const struct option_row rows[] = {
        {"model", 'm', OPTION_FILE, &options.model, "FILE",
         "the weights: a checkpoint that train-fold wrote, or several (cat), for their mean", 0, 0,
         OPTION_SILENT},
        {"to", 0, OPTION_CHOICE, &options.to, "csv|png|dicom", "what the results are", 0, 0,
         OPTION_SILENT},
        {"threshold", 0, OPTION_NUMBER, &options.threshold, "P",
         "a pixel is lesion where its probability is above P", 0, 1, OPTION_SILENT},
        {"ratio", 'r', OPTION_NUMBER, &options.ratio, "R",
         "a share of R of the images has a lesion, those with the largest areas", 0, 1,
         OPTION_SILENT},
        {"area", 'a', OPTION_INTEGER, &options.area, "N",
         "images have a lesion whose area is above N pixels", 0, 1e15, OPTION_SILENT},
        {"rule", 0, OPTION_FILE, &options.rule, "STREAM",
         "thresholds and area or ratio from the rule that calibrate wrote", 0, 0, OPTION_SILENT},
        {"flip", 'f', OPTION_FLAG, &options.flip, NULL,
         "average with the prediction for the mirrored image", 0, 0, OPTION_SILENT},
        {"device", 0, OPTION_TEXT, &options.device, "auto|cpu|cuda|cuda:N",
         "where the network runs (default: auto, the CPU)", 0, 0, OPTION_SILENT},
        {"on-error", 'e', OPTION_CHOICE, &options.on_error, "fail|skip",
         "end at a file that cannot be decoded, or go on without it", 0, 0, OPTION_SILENT},
        {"show", 0, OPTION_FLAG, &options.show, NULL, "print the script instead of running it", 0,
         0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "run",
        .summary = "X-ray files to results in one word: decode, predict, decide, write",
        .purpose = PURPOSE_PREDICT,
        .usage = "[OPTION]... --model FILE FILE|FOLDER...",
        .description = description,
        .examples = "run --model best.mpk xray.dcm\n"
                    "run --model best.mpk --rule rule.mpk --to png -o pictures xrays/\n"
                    "run --model best.mpk --to dicom -o objects --show xrays/\n"
                    "cat fold0/best.mpk fold1/best.mpk >both.mpk && run --model both.mpk xray.dcm",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT | COMMON_QUIET | COMMON_THREADS,
        .min_operands = 1,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    check_options(&options, &operands);
    if (options.show) {
        show(&options, &operands);
        return 0;
    }
    check_folder(&options);
    run(&options, &operands);
}
