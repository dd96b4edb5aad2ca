// calibrate: which rule makes the best masks of probabilities, and what it is worth.
#include "challenge/calibration/calibration.h"
#include "challenge/truth.h"
#include "program/bootstrap_options.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/streams.h"
#include "program/xray_files/truth_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *decide, *area, *ratio, *mask, *segmenting, *report, *size;
    struct bootstrap_options bootstrap;
    struct common_options common;
};

// What the search found.
struct findings {
    double *means; // of each rule of the grid, over all images
    size_t best;
    struct fold_rule {
        size_t rule; // chosen on the other folds
        double dice; // of this fold's images
    } * of_folds;
    bool nested; // false: one fold, and of_folds, scores and interval say nothing
    struct scores scores;
    struct interval interval;
};

// Reads the truth; mask images have sizes of their own.
static void read_truth(const struct options *options, const char *path, struct labels *labels,
                       struct sizes *sizes, struct truth *truth) {
    struct error error;
    const bool masks = truth_is_masks(path, options->size);
    truth->labels = labels;
    truth->sizes = masks ? sizes : NULL;
    if (options->size != NULL &&
        !labels_parse_size(options->size, &truth->lesions.height, &truth->lesions.width, &error)) {
        die_usage("--size %s", error.text);
    }
    truth_read(path, masks, (size_t)options->common.threads, options->common.quiet, labels, sizes);
}

// The probabilities that give the mask of the image which `deciding` is of.
static struct record read_segmenting(struct stream_reader *segmenting, const char *path,
                                     const struct record *deciding) {
    struct record record;
    struct error error;
    if (!stream_read(segmenting, &record)) {
        die("%s: ends before '%.*s'", path, TEXT_ARG(deciding->id));
    }
    if (!text_equal(record.id, deciding->id)) {
        (void)fail(&error, "'%.*s' where the folds have '%.*s'", TEXT_ARG(record.id),
                   TEXT_ARG(deciding->id));
        stream_die(segmenting, &error);
    }
    return record;
}

// `segmenting`: NULL where the fold's own probabilities give the masks.
static void measure_fold(struct calibration *calibration, struct truth *truth,
                         struct stream_reader *reader, struct stream_reader *segmenting,
                         const char *segmenting_path, size_t fold, struct progress *progress) {
    struct record record;
    struct error error;
    while (stream_read(reader, &record)) {
        const struct record mask =
            segmenting != NULL ? read_segmenting(segmenting, segmenting_path, &record) : record;
        if (!truth_find(truth, &record, &error) ||
            !calibration_add(calibration, &record, &mask, &truth->lesions.runs, fold, &error)) {
            stream_die(calibration->mask_failed && segmenting != NULL ? segmenting : reader,
                       &error);
        }
        progress_step(progress);
    }
}

// One fold's stream is open at a time, so that what makes them may do so one after the other.
// *history: copies of their lines.
static void measure(struct calibration *calibration, struct truth *truth,
                    struct stream_reader *segmenting, const struct options *options,
                    const struct operands *operands, struct history *history) {
    struct progress progress =
        progress_start("images", truth->labels->ids.count, options->common.quiet);
    struct record record;
    for (int i = 1; i < operands->count; i++) {
        struct stream_reader *reader =
            stream_open_or_die(operands->items[i], KIND_PROBABILITIES, options->common.max_record);
        if (!history_copy_all(history, stream_history(reader))) {
            die("no memory");
        }
        measure_fold(calibration, truth, reader, segmenting, options->segmenting, (size_t)i - 1,
                     &progress);
        stream_close(reader);
        if (calibration->folds < (size_t)i) {
            die("%s: holds no images", operands->items[i]);
        }
    }
    if (segmenting != NULL && stream_read(segmenting, &record)) {
        die("%s: '%.*s' is in no fold", options->segmenting, TEXT_ARG(record.id));
    }
    progress_end(&progress);
}

// ---- the search

static double fold_dice(const struct calibration *calibration, const struct overlap *overlaps,
                        size_t fold) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < calibration->count; i++) {
        if (calibration->images[i].fold == fold) {
            sum += overlap_dice(overlaps[i]);
            count++;
        }
    }
    return sum / (double)count;
}

// Chooses each fold's rule on the other folds, and scores the fold by it.
static bool search_folds(const struct calibration *calibration, const struct options *options,
                         struct overlap *overlaps, double *means, struct findings *findings,
                         struct error *error) {
    for (size_t fold = 0; fold < calibration->folds; fold++) {
        struct fold_rule *chosen = &findings->of_folds[fold];
        if (!calibration_search(calibration, fold, means, &chosen->rule, error) ||
            !calibration_apply(calibration, chosen->rule, fold, overlaps, error)) {
            return false;
        }
        chosen->dice = fold_dice(calibration, overlaps, fold);
    }
    findings->scores = score_images(overlaps, calibration->count, 1);
    const struct bootstrap bootstrap = bootstrap_of(&options->bootstrap);
    return score_interval(overlaps, calibration->count, &bootstrap, &findings->interval, error);
}

static void search(const struct calibration *calibration, const struct options *options,
                   struct findings *findings) {
    struct error error;
    struct overlap *overlaps = calloc(calibration->count, sizeof *overlaps);
    double *means = calloc(grid_size(&calibration->grid), sizeof *means);
    findings->means = calloc(grid_size(&calibration->grid), sizeof *findings->means);
    findings->of_folds = calloc(calibration->folds, sizeof *findings->of_folds);
    if (overlaps == NULL || means == NULL || findings->means == NULL ||
        findings->of_folds == NULL) {
        die("no memory for %zu rules", grid_size(&calibration->grid));
    }
    findings->nested = calibration->folds > 1;
    if (!calibration_search(calibration, NO_FOLD, findings->means, &findings->best, &error) ||
        (findings->nested &&
         !search_folds(calibration, options, overlaps, means, findings, &error))) {
        die("%s", error.text);
    }
    free(overlaps);
    free(means);
}

// ---- what comes out

static void write_rule(const struct calibration *calibration, const struct findings *findings,
                       struct output *output, const struct history *history) {
    struct stream_writer *writer = stream_create(output, KIND_RULE, history);
    const struct rule rule = grid_rule(&calibration->grid, findings->best);
    struct field fields[RULE_FIELDS + 5];
    size_t count = RULE_FIELDS;
    rule_fields(&rule, fields);
    fields[count++] = (struct field){text_of("images"), value_integer((int64_t)calibration->count)};
    fields[count++] =
        (struct field){text_of("dice_in_sample"), value_number(findings->means[findings->best])};
    if (findings->nested) {
        fields[count++] = (struct field){text_of("dice"), value_number(findings->scores.dice)};
        fields[count++] = (struct field){text_of("dice_low"), value_number(findings->interval.low)};
        fields[count++] =
            (struct field){text_of("dice_high"), value_number(findings->interval.high)};
    }
    stream_write(writer, &(struct record){text_of("rule"), count, fields});
    stream_finish(writer);
}

// A rule and its mean Dice.
static void print_rule(struct output *output, const struct grid *grid, size_t index, double dice) {
    const struct rule rule = grid_rule(grid, index);
    output_printf(output, "{\"decide\":%.10g,\"%s\":%.10g,\"mask\":%.10g,\"dice\":%.17g}",
                  rule.decide, rule_limit_name(rule.kind), rule.limit, rule.mask, dice);
}

// What the rules are worth that other folds have chosen.
static void print_nested(struct output *output, const struct calibration *calibration,
                         const struct findings *findings) {
    const struct scores *scores = &findings->scores;
    output_printf(output, ",\"dice\":%.17g,\"dice_low\":%.17g,\"dice_high\":%.17g", scores->dice,
                  findings->interval.low, findings->interval.high);
    output_printf(output, ",\"dice_empty\":%.17g,\"dice_lesion\":%.17g", scores->dice_empty,
                  scores->dice_lesion);
    output_printf(output, ",\"folds\":[");
    for (size_t fold = 0; fold < calibration->folds; fold++) {
        output_printf(output, "%s", fold > 0 ? "," : "");
        print_rule(output, &calibration->grid, findings->of_folds[fold].rule,
                   findings->of_folds[fold].dice);
    }
    output_printf(output, "]");
}

static void write_report(const char *path, const struct calibration *calibration,
                         const struct findings *findings, size_t left_out) {
    const struct grid *grid = &calibration->grid;
    struct output *output = output_open(path, OUTPUT_TEXT);
    output_printf(output, "{\"images\":%zu,\"left_out\":%zu,\"rule\":", calibration->count,
                  left_out);
    print_rule(output, grid, findings->best, findings->means[findings->best]);
    if (findings->nested) {
        print_nested(output, calibration, findings);
    }
    output_printf(output, ",\"grid\":[");
    for (size_t i = 0; i < grid_size(grid); i++) {
        output_printf(output, "%s\n", i > 0 ? "," : "");
        print_rule(output, grid, i, findings->means[i]);
    }
    output_printf(output, "]}\n");
    output_close(output);
}

static void tell(const struct calibration *calibration, const struct findings *findings,
                 size_t left_out) {
    char words[RULE_WORDS_SIZE];
    const struct rule rule = grid_rule(&calibration->grid, findings->best);
    rule_words(&rule, words);
    (void)fprintf(stderr, "%s: Dice %.4f of the %zu images that chose it\n", words,
                  findings->means[findings->best], calibration->count);
    if (findings->nested) {
        (void)fprintf(stderr,
                      "chosen on the other folds: Dice %.4f (%.4f to %.4f), of lesions %.4f\n",
                      findings->scores.dice, findings->interval.low, findings->interval.high,
                      findings->scores.dice_lesion);
    }
    if (left_out > 0) {
        (void)fprintf(stderr, "%zu images of the truth have no probabilities\n", left_out);
    }
}

static void write_all(const struct calibration *calibration, const struct findings *findings,
                      const struct options *options, size_t missing, struct output *output,
                      const struct history *history) {
    if (options->report != NULL) {
        write_report(options->report, calibration, findings, missing);
    }
    write_rule(calibration, findings, output, history);
    output_close(output);
    if (!options->common.quiet) {
        tell(calibration, findings, missing);
    }
}

// ---- the command line

static void read_steps(struct steps *steps, const char *name, const char *text, double most) {
    struct error error;
    if (!steps_read(steps, text, 0, most, &error)) {
        die_usage("--%s %s", name, error.text);
    }
}

static const char usual_area[] = "0,100,250,500,750,1000:4000:500";

static void read_grid(struct grid *grid, const struct options *options) {
    if (options->ratio != NULL && options->area != usual_area) {
        die_usage("--area and --ratio: one of the two");
    }
    grid->kind = options->ratio != NULL ? RULE_RATIO : RULE_AREA;
    read_steps(&grid->decide, "decide", options->decide, 1);
    read_steps(&grid->mask, "mask", options->mask, 1);
    if (grid->kind == RULE_RATIO) {
        read_steps(&grid->limits, "ratio", options->ratio, 1);
        return;
    }
    read_steps(&grid->limits, "area", options->area, (double)IMAGE_MAX_PIXELS);
    for (size_t i = 0; i < grid->limits.count; i++) {
        if (floor(grid->limits.values[i]) != grid->limits.values[i]) {
            die_usage("--area %s: %g is not whole", options->area, grid->limits.values[i]);
        }
    }
}

// What is wrong with a fold's stream is said before any work, as far as it can be seen.
static void check_folds(const struct operands *operands, size_t max_record) {
    for (int i = 1; i < operands->count; i++) {
        stream_look_ahead(operands->items[i], KIND_PROBABILITIES, "probability", max_record);
    }
}

static void run(const struct options *options, const struct operands *operands) {
    struct calibration calibration = {.count = 0};
    struct labels labels = {.name = NULL};
    struct sizes sizes = {.name = NULL};
    struct truth truth = {.labels = NULL};
    struct text first;
    struct findings findings = {.nested = false};
    struct history of_folds = {.count = 0};
    read_grid(&calibration.grid, options);
    struct output *output = output_open(options->common.output, OUTPUT_BYTES);
    check_folds(operands, options->common.max_record);
    struct stream_reader *segmenting = NULL;
    if (options->segmenting != NULL) {
        segmenting =
            stream_open_or_die(options->segmenting, KIND_PROBABILITIES, options->common.max_record);
    }
    read_truth(options, operands->items[0], &labels, &sizes, &truth);
    measure(&calibration, &truth, segmenting, options, operands, &of_folds);
    search(&calibration, options, &findings);
    struct history history = of_folds;
    if (segmenting != NULL) {
        history_add_all(&history, stream_history(segmenting));
    }
    history_add(&history, text_of(operands->history));
    write_all(&calibration, &findings, options, truth_missing(&truth, &first), output, &history);
    if (segmenting != NULL) {
        stream_close(segmenting);
    }
    history_free(&of_folds);
    free(findings.means);
    free(findings.of_folds);
    calibration_free(&calibration);
    truth_free(&truth);
    labels_free(&labels);
    sizes_free(&sizes);
}

int main(int argc, char **argv) {
    struct options options = {.decide = "0.2:0.9:0.1",
                              .area = usual_area,
                              .mask = "0.2:0.6:0.1",
                              .bootstrap = BOOTSTRAP_USUAL,
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"decide", 'd', OPTION_TEXT, &options.decide, "STEPS",
         "thresholds above which a pixel counts for the area of an image", 0, 0, OPTION_RECORDED},
        {"area", 'a', OPTION_TEXT, &options.area, "STEPS",
         "least areas in pixels: an image above one is kept", 0, 0, OPTION_RECORDED},
        {"ratio", 'r', OPTION_TEXT, &options.ratio, "STEPS",
         "in place of areas: shares of the images that are kept, those of the largest areas", 0, 0,
         OPTION_RECORDED},
        {"mask", 'm', OPTION_TEXT, &options.mask, "STEPS",
         "thresholds above which a pixel of a kept image is lesion", 0, 0, OPTION_RECORDED},
        {"segmenting", 0, OPTION_FILE, &options.segmenting, "STREAM",
         "take the masks from these probabilities of all the folds' images, in their order; those "
         "of the FOLDs only decide",
         0, 0, OPTION_RECORDED},
        {"report", 0, OPTION_FILE, &options.report, "FILE",
         "write scores, the folds' rules and the grid to FILE, as JSON", 0, 0, OPTION_SILENT},
        {"size", 's', OPTION_TEXT, &options.size, "HxW",
         "what the truth's run lengths refer to (default: each image's own size)", 0, 0,
         OPTION_SILENT},
        BOOTSTRAP_ROWS(options.bootstrap, 0),
    };
    const struct program program = {
        .name = "calibrate",
        .summary = "learn from the truth which rule makes the best masks of probabilities",
        .purpose = PURPOSE_DECIDE,
        .usage = "[OPTION]... TRUTH FOLD...",
        .description =
            "Reads the probabilities of images that the networks have not seen in training, a "
            "stream a fold, and the truth (a CSV or a folder of masks, as score takes them). It "
            "tries all rules of a grid and writes the one of the highest mean Dice, the first "
            "among equals, as a stream of kind `rule`, for classify and rle-encode.\n\n"
            "A rule has three numbers. `decide` is the probability above which a pixel counts for "
            "the image's area; the image is kept where that is above `area` (or with --ratio: "
            "where it is among the share of the largest); `mask` is the probability above which a "
            "pixel of a kept image is lesion.\n\n"
            "The Dice of a rule on the images that chose it flatters. So each fold is also scored "
            "by the rule that the other folds choose, and the mean over all images of that, with "
            "its 95 % percentile bootstrap interval, is the Dice that is said. It takes two folds "
            "at least.\n\n"
            "STEPS are A,B,C or FROM:TO:STEP or both. Probabilities are read once; memory holds 32 "
            "bytes an image for each threshold of a mask and 8 for each that decides. Images of "
            "the truth that no fold has are left out, and counted. One of the operands may be '-', "
            "stdin. Folds are read one after the other; before the first, every file of them is "
            "looked at: its header and first record. What is wrong with a pipe shows in its turn.",
        .examples =
            "calibrate train-rle.csv fold-*.mpk -o rule.mpk\n"
            "calibrate --ratio 0.1:0.3:0.01 --decide 0.5 train-rle.csv fold-*.mpk | inspect\n"
            "merge test-*.mpk | classify --rule rule.mpk -o decisions.mpk",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM | COMMON_THREADS,
        .min_operands = 2,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    run(&options, &operands);
    return 0;
}
