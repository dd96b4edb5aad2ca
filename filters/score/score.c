// score: how good a submission is.
#include "challenge/metrics/curves.h"
#include "challenge/metrics/figures.h"
#include "challenge/submission.h"
#include "challenge/truth.h"
#include "program/bootstrap_options.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/json.h"
#include "program/output.h"
#include "program/progress.h"
#include "program/streams/streams.h"
#include "program/xray_files/truth_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_GIVEN (-1)

struct options {
    double weight, surface, candidate;
    struct bootstrap_options bootstrap;
    bool json;
    const char *size, *sizes, *per_image, *probabilities, *score, *curves;
    struct common_options common;
};

static void print_member(struct output *output, const char *key, const char *end, double number) {
    output_printf(output, ",\"%s%s\":", key, end);
    json_number(output, number);
}

static void print_figure(struct output *output, const struct figure *figure) {
    print_member(output, figure->key, "", figure->value);
    print_member(output, figure->key, "_low", figure->interval.low);
    print_member(output, figure->key, "_high", figure->interval.high);
    if (figure->images > 0) {
        output_printf(output, ",\"%s_images\":%zu", figure->key, figure->images);
    }
}

static void print_json(struct output *output, const struct scores *scores,
                       const struct interval *interval, const struct figures *figures,
                       const struct options *options) {
    output_printf(output, "{\"images\":%zu,\"empty\":%zu,\"lesion\":%zu", scores->images,
                  scores->empty, scores->lesion);
    output_printf(output, ",\"dice\":%.17g,\"dice_low\":%.17g,\"dice_high\":%.17g", scores->dice,
                  interval->low, interval->high);
    output_printf(output, ",\"dice_empty\":%.17g,\"dice_lesion\":%.17g", scores->dice_empty,
                  scores->dice_lesion);
    output_printf(output, ",\"accuracy\":%.17g,\"accuracy_empty\":%.17g,\"accuracy_lesion\":%.17g",
                  scores->accuracy, scores->accuracy_empty, scores->accuracy_lesion);
    output_printf(output, ",\"mean_iou\":%.17g,\"weight_non_empty\":%.17g", scores->mean_iou,
                  options->weight);
    for (size_t i = 0; i < figures->count; i++) {
        print_figure(output, &figures->items[i]);
    }
    output_printf(output, ",\"resamples\":%" PRId64 ",\"seed\":%" PRId64 "}\n",
                  options->bootstrap.resamples, options->bootstrap.seed);
}

static void print_row(struct output *output, const char *name, double value) {
    output_printf(output, "%-22s %.6f\n", name, value);
}

static void print_table(struct output *output, const struct scores *scores,
                        const struct interval *interval, const struct figures *figures,
                        const struct options *options) {
    output_printf(output, "%-22s %zu (%zu empty, %zu with a lesion)\n", "images", scores->images,
                  scores->empty, scores->lesion);
    print_row(output, "Dice", scores->dice);
    output_printf(output, "%-22s %.6f .. %.6f (%" PRId64 " resamples)\n", "  95 % interval",
                  interval->low, interval->high, options->bootstrap.resamples);
    print_row(output, "  of empty", scores->dice_empty);
    print_row(output, "  of lesion", scores->dice_lesion);
    print_row(output, "weighted accuracy", scores->accuracy);
    print_row(output, "  of empty", scores->accuracy_empty);
    print_row(output, "  of lesion", scores->accuracy_lesion);
    print_row(output, "mean IoU", scores->mean_iou);
    for (size_t i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->items[i];
        print_row(output, figure->name, figure->value);
        output_printf(output, "%-22s %.6f .. %.6f\n", "  95 % interval", figure->interval.low,
                      figure->interval.high);
        if (figure->images > 0) {
            output_printf(output, "%-22s %zu\n", "  of images", figure->images);
        }
    }
}

static void write_images(const char *path, const struct labels *truth,
                         const struct overlap *overlaps) {
    const char *const names[] = {COLUMN_ID, "Dice", "Truth", "Prediction", "Both"};
    struct output *output = output_open(path, OUTPUT_TEXT);
    struct text fields[COUNT_OF(names)];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        fields[i] = text_of(names[i]);
    }
    csv_write(output_sink(output), fields, COUNT_OF(names));
    for (size_t i = 0; i < truth->ids.count; i++) {
        char numbers[COUNT_OF(names)][40];
        const struct overlap *overlap = &overlaps[i];
        (void)snprintf(numbers[1], sizeof *numbers, "%.17g", overlap_dice(*overlap));
        (void)snprintf(numbers[2], sizeof *numbers, "%" PRIu64, overlap->truth);
        (void)snprintf(numbers[3], sizeof *numbers, "%" PRIu64, overlap->prediction);
        (void)snprintf(numbers[4], sizeof *numbers, "%" PRIu64, overlap->both);
        fields[0] = truth->ids.items[i];
        for (size_t j = 1; j < COUNT_OF(names); j++) {
            fields[j] = text_of(numbers[j]);
        }
        csv_write(output_sink(output), fields, COUNT_OF(names));
    }
    output_close(output);
}

// ---- the truth

static void read_sizes(const struct options *options, bool masks, struct submission_sizes *sizes) {
    const char *size = options->size;
    struct image_size one = {0, 0};
    struct error error;
    if (size == NULL && options->sizes == NULL && !masks) {
        size = "1024x1024";
    }
    if (size != NULL && !labels_parse_size(size, &one.height, &one.width, &error)) {
        die_usage("--size %s", error.text);
    }
    if (options->sizes != NULL) {
        sizes->truth = one;
        if (!sizes_read(&sizes->images, options->sizes, options->common.max_record, &error)) {
            die("%s", error.text);
        }
    } else if (!masks) {
        sizes->images.height = one.height;
        sizes->images.width = one.width;
    }
}

static void read_truth(const struct options *options, const char *path, bool masks,
                       struct labels *truth, struct submission_sizes *sizes) {
    read_sizes(options, masks, sizes);
    truth_read(path, masks, (size_t)options->common.threads, options->common.quiet, truth,
               &sizes->images);
    if (truth->ids.count == 0) {
        die("%s: no images", truth->name);
    }
}

// ---- scores that are asked for

static void add_contours(struct figures *figures, const struct submission_scores *scores,
                         size_t count, const struct bootstrap *bootstrap) {
    struct error error;
    bool *lesion = malloc(count * sizeof *lesion);
    if (lesion == NULL) {
        die("no memory for %zu images", count);
    }
    for (size_t i = 0; i < count; i++) {
        lesion[i] = scores->overlaps[i].truth > 0;
    }
    if (!figures_of_contours(figures, scores->contours, lesion, count, bootstrap, &error)) {
        die("%s", error.text);
    }
    free(lesion);
}

static void measure_probabilities(struct probability_scores *scores, struct truth *truth,
                                  const struct options *options) {
    struct stream_reader *reader =
        stream_open_or_die(options->probabilities, KIND_PROBABILITIES, options->common.max_record);
    struct progress progress =
        progress_start("images", truth->labels->ids.count, options->common.quiet);
    struct record record;
    struct error error;
    struct text first;
    while (stream_read(reader, &record)) {
        if (!truth_find(truth, &record, &error) ||
            !probabilities_add(scores, &record, &truth->lesions.runs, &error)) {
            stream_die(reader, &error);
        }
        progress_step(&progress);
    }
    progress_end(&progress);
    stream_close(reader);
    const size_t missing = truth_missing(truth, &first);
    if (missing > 0) {
        die("%s: %zu images of the truth missing (the first: '%.*s')", options->probabilities,
            missing, TEXT_ARG(first));
    }
}

static void print_curve(struct output *output, const char *key, struct curve *curve) {
    output_printf(output, "\"%s\":[", key);
    for (size_t i = 0; i < curve->count; i++) {
        output_printf(output, "%s[", i > 0 ? "," : "");
        json_number(output, curve->points[i].x);
        output_printf(output, ",");
        json_number(output, curve->points[i].y);
        output_printf(output, "]");
    }
    output_printf(output, "],\n");
    curve_free(curve);
}

static void write_curves(const char *path, const struct probability_scores *scores) {
    struct curve images = {.count = 0};
    struct curve lesions = {.count = 0};
    struct error error;
    if (!curve_of_images(&images, scores, &error) || !curve_of_lesions(&lesions, scores, &error)) {
        die("%s", error.text);
    }
    struct output *output = output_open(path, OUTPUT_TEXT);
    output_printf(output, "{");
    print_curve(output, "roc", &images);
    print_curve(output, "froc", &lesions);
    output_printf(output, "\"reliability\":[");
    for (size_t bin = 0; bin < CALIBRATION_BINS; bin++) {
        const struct reliability found = reliability_of_bin(scores, bin);
        output_printf(output, "%s{\"pixels\":%" PRIu64, bin > 0 ? "," : "", found.pixels);
        print_member(output, "probability", "", found.probability);
        print_member(output, "lesion", "", found.lesion);
        output_printf(output, "}");
    }
    output_printf(output, "]}\n");
    output_close(output);
}

static void add_probabilities(struct figures *figures, struct truth *truth,
                              const struct bootstrap *bootstrap, const struct options *options) {
    struct error error;
    struct probability_scores scores = {.score = strcmp(options->score, "sum") == 0 ? IMAGE_SUM
                                                                                    : IMAGE_LARGEST,
                                        .candidate = options->candidate};
    measure_probabilities(&scores, truth, options);
    if (!figures_of_probabilities(figures, &scores, bootstrap, &error)) {
        die("%s", error.text);
    }
    if (options->curves != NULL) {
        write_curves(options->curves, &scores);
    }
    probabilities_free(&scores);
}

// ---- all of it

static void compare(const struct options *options, const struct labels *labels, const char *path,
                    const struct submission_sizes *sizes, bool masks) {
    const size_t count = labels->ids.count;
    const struct bootstrap bootstrap = bootstrap_of(&options->bootstrap);
    struct error error;
    struct interval interval;
    struct figures figures = {.count = 0};
    struct truth truth = {.labels = labels, .sizes = masks ? &sizes->images : NULL};
    if (options->sizes != NULL) {
        truth.lesions.height = sizes->truth.height;
        truth.lesions.width = sizes->truth.width;
    } else if (options->size != NULL) {
        truth.lesions.height = sizes->images.height;
        truth.lesions.width = sizes->images.width;
    }
    const struct submission_scores found = {
        .overlaps = calloc(count, sizeof(struct overlap)),
        .contours = options->surface >= 0 ? calloc(count, sizeof(struct contour_scores)) : NULL,
        .tolerance = options->surface};
    if (found.overlaps == NULL || (options->surface >= 0 && found.contours == NULL)) {
        die("no memory for %zu images", count);
    }
    if (!submission_compare(labels, path, sizes, &found, &error) ||
        !score_interval(found.overlaps, count, &bootstrap, &interval, &error)) {
        die("%s", error.text);
    }
    if (found.contours != NULL) {
        add_contours(&figures, &found, count, &bootstrap);
    }
    if (options->probabilities != NULL) {
        add_probabilities(&figures, &truth, &bootstrap, options);
    }
    const struct scores scores = score_images(found.overlaps, count, options->weight);
    struct output *output = output_open(options->common.output, OUTPUT_TEXT);
    (options->json ? print_json : print_table)(output, &scores, &interval, &figures, options);
    if (options->per_image != NULL) {
        write_images(options->per_image, labels, found.overlaps);
    }
    output_close(output);
    free(found.overlaps);
    free(found.contours);
    truth_free(&truth);
}

static void run(const struct options *options, const char *truth_path, const char *path) {
    struct submission_sizes sizes = {.truth = {0, 0}};
    struct labels labels = {.name = NULL};
    const bool masks = truth_is_masks(truth_path, options->size);
    read_truth(options, truth_path, masks, &labels, &sizes);
    compare(options, &labels, path, &sizes, masks);
    labels_free(&labels);
    sizes_free(&sizes.images);
}

static const char DESCRIPTION[] =
    "Prints the mean Dice over the images (two empty masks count 1, one empty mask 0) with "
    "its 95 % percentile bootstrap interval; the mean over the images that are truly empty "
    "and over those with a lesion; the weighted accuracy of the question whether there is "
    "a lesion at all; and the mean over background and lesion of the intersection over "
    "union of all pixels. The mean over no images is 0.\n\n"
    "--surface adds the mean Hausdorff distance in pixels (of which the percentile 95 "
    "counts) over the images where both masks have pixels, and the mean normalised "
    "surface Dice over those with a lesion. --probabilities adds the area under the ROC "
    "curve and the average precision of the images' scores (--score); the mean sensitivity "
    "for lesions at 1/4, 1/2, 1, 2, 4 and 8 false detections an image (FROC), where a "
    "detection is a part of the map above --candidate with its largest probability as "
    "score, and finds the lesion in which that pixel lies; Brier score and expected "
    "calibration error (20 bins) of all pixels. Each has its 95 % interval by resampled "
    "images; what has no value is nan, and null in JSON. --curves writes what a report draws: "
    "`roc`, [false, true positive rate] of images; `froc`, [false detections an image, share of "
    "lesions found]; `reliability`, the number of pixels, their mean probability and share of "
    "lesion in each bin of 1/20, the upper edge excluded but for 1.\n\n"
    "TRUTH is a CSV, which may have several rows an id, to be united; or a folder of mask "
    "images, as decode --masks takes them, which tell the images' sizes. The submission "
    "must have one row for every id of the truth and no other. One of the two may be '-', "
    "stdin.\n\n"
    "The sizes for --sizes may come from samples, probabilities, or the index.mpk of a "
    "shard folder. A truth of another size (--size) is brought to them.";

int main(int argc, char **argv) {
    struct options options = {.weight = 1,
                              .surface = NOT_GIVEN,
                              .candidate = 0.1,
                              .bootstrap = BOOTSTRAP_USUAL,
                              .score = "largest",
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"json", 'j', OPTION_FLAG, &options.json, NULL, "one line of JSON", 0, 0, OPTION_SILENT},
        {"per-image", 'p', OPTION_FILE, &options.per_image, "FILE",
         "write each image's Dice and pixels to FILE, a CSV", 0, 0, OPTION_SILENT},
        {"size", 's', OPTION_TEXT, &options.size, "HxW",
         "height and width of all images (default: 1024x1024); with --sizes, of what the truth's "
         "run lengths refer to",
         0, 0, OPTION_SILENT},
        {"sizes", 0, OPTION_FILE, &options.sizes, "STREAM",
         "of each image its own: those of the records of STREAM with the same ids", 0, 0,
         OPTION_SILENT},
        {"weight-non-empty", 'w', OPTION_NUMBER, &options.weight, "W",
         "what a found lesion counts in the weighted accuracy", 0, 1e9, OPTION_SILENT},
        {"surface", 0, OPTION_NUMBER, &options.surface, "PIXELS",
         "score contours, too: Hausdorff distance, and surface Dice at this tolerance", 0, 1e5,
         OPTION_SILENT},
        {"probabilities", 0, OPTION_FILE, &options.probabilities, "STREAM",
         "score the probabilities behind the submission, too: of all images of the truth", 0, 0,
         OPTION_SILENT},
        {"score", 0, OPTION_CHOICE, &options.score, "largest|sum",
         "what ranks images: the largest of their probabilities, or the sum", 0, 0, OPTION_SILENT},
        {"candidate", 0, OPTION_NUMBER, &options.candidate, "P",
         "a detection is a connected part of what has a probability above P", 0, 1, OPTION_SILENT},
        {"curves", 0, OPTION_FILE, &options.curves, "FILE",
         "with --probabilities: write the curves behind these scores to FILE, as JSON", 0, 0,
         OPTION_SILENT},
        BOOTSTRAP_ROWS(options.bootstrap, 'r'),
    };
    const struct program program = {
        .name = "score",
        .summary = "score a submission against the truth",
        .purpose = PURPOSE_SCORE,
        .usage = "[OPTION]... TRUTH SUBMISSION.csv",
        .description = DESCRIPTION,
        .examples = "score train-rle.csv submission.csv\n"
                    "score --sizes test/index.mpk truth.csv submission.csv\n"
                    "score masks/ submission.csv\n"
                    "score --surface 10 --probabilities mean.mpk train-rle.csv submission.csv\n"
                    "score --probabilities mean.mpk --curves curves.json truth.csv submission.csv\n"
                    "rle-encode mean.mpk | score --json train-rle.csv - | jq .dice",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM | COMMON_THREADS,
        .min_operands = 2,
        .max_operands = 2,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    if (options.curves != NULL && options.probabilities == NULL) {
        die_usage("--curves needs --probabilities");
    }
    run(&options, operands.items[0], operands.items[1]);
    return 0;
}
