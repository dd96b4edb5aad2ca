// classify: probabilities become decisions: which images are taken to have a lesion.
#include "challenge/calibration/rule.h"
#include "challenge/ensemble.h"
#include "core/array.h"
#include "dataset/ids/ids.h"
#include "image/mask.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/streams.h"

#include <stdlib.h>
#include <string.h>

#define NOT_GIVEN (-1)
#define USUAL_THRESHOLD 0.5

struct options {
    double ratio, threshold;
    int64_t area;
    const char *rule;
    struct common_options common;
};

struct areas {
    struct ids ids;
    int64_t *items;
    size_t capacity;
};

static void write_decision(struct stream_writer *writer, struct text id, int64_t area,
                           int64_t least) {
    const struct field fields[] = {{text_of("area"), value_integer(area)},
                                   {text_of("keep"), value_integer(area > least)}};
    const struct record record = {id, COUNT_OF(fields), fields};
    stream_write(writer, &record);
}

static void add_area(struct areas *areas, struct stream_reader *reader, struct text id,
                     int64_t area) {
    struct error error;
    size_t index = 0;
    bool added = false;
    if (!ids_add(&areas->ids, id, &index, &added, &error)) {
        die("%s", error.text);
    }
    if (!added) {
        (void)fail(&error, "'%.*s' a second time", TEXT_ARG(id));
        stream_die(reader, &error);
    }
    areas->items = array_grow(areas->items, &areas->capacity, index + 1, sizeof *areas->items);
    if (areas->items == NULL) {
        die("no memory for %zu areas", index + 1);
    }
    areas->items[index] = area;
}

// Measures all images; with --area, decides on each at once.
static void measure(struct areas *areas, struct stream_reader *reader,
                    const struct options *options, struct stream_writer *writer) {
    struct progress progress = progress_start("images", 0, options->common.quiet);
    struct image mask = {.pixels = NULL};
    struct record record;
    struct error error;
    while (stream_read(reader, &record)) {
        if (!mask_from_probability(&record, options->threshold, &mask, &error)) {
            stream_die(reader, &error);
        }
        const int64_t area = (int64_t)mask_area(&mask);
        add_area(areas, reader, record.id, area);
        if (options->area != NOT_GIVEN) {
            write_decision(writer, record.id, area, options->area);
        }
        progress_step(&progress);
    }
    progress_end(&progress);
    image_free(&mask);
}

// Decides on all images when the last area is known.
static void decide(const struct areas *areas, double ratio, struct stream_writer *writer) {
    const size_t count = areas->ids.count;
    int64_t *sorted = malloc((count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        die("no memory for %zu areas", count);
    }
    if (count > 0) {
        memcpy(sorted, areas->items, count * sizeof *sorted);
    }
    const int64_t least = ensemble_area_threshold(sorted, count, ratio);
    for (size_t i = 0; i < count; i++) {
        write_decision(writer, areas->ids.items[i], areas->items[i], least);
    }
    free(sorted);
}

// Takes the numbers from a rule's file, if one is named; `words` tells them.
static void take_rule(struct options *options, char words[RULE_WORDS_SIZE]) {
    struct rule rule;
    struct error error;
    if (options->rule == NULL) {
        return;
    }
    if (!rule_read(&rule, options->rule, options->common.max_record, &error)) {
        die("%s", error.text);
    }
    options->threshold = rule.decide;
    if (rule.kind == RULE_AREA) {
        options->area = (int64_t)rule.limit;
    } else {
        options->ratio = rule.limit;
    }
    rule_words(&rule, words);
}

static void run(struct options *options, const struct operands *operands) {
    char words[RULE_WORDS_SIZE] = "";
    take_rule(options, words);
    struct output *output = output_open(options->common.output, OUTPUT_BYTES);
    struct stream_reader *reader =
        stream_open_or_die(operands->count > 0 ? operands->items[0] : "-", KIND_PROBABILITIES,
                           options->common.max_record);
    struct history history = *stream_history(reader);
    history_add(&history, text_of(operands->history));
    if (options->rule != NULL) {
        history_add(&history, text_of(words));
    }
    struct stream_writer *writer = stream_create(output, KIND_DECISIONS, &history);
    struct areas areas = {.items = NULL};
    measure(&areas, reader, options, writer);
    if (options->area == NOT_GIVEN) {
        decide(&areas, options->ratio, writer);
    }
    stream_finish(writer);
    output_close(output);
    stream_close(reader);
    ids_free(&areas.ids);
    free(areas.items);
}

int main(int argc, char **argv) {
    struct options options = {.ratio = NOT_GIVEN,
                              .area = NOT_GIVEN,
                              .threshold = USUAL_THRESHOLD,
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"ratio", 'r', OPTION_NUMBER, &options.ratio, "R",
         "keep the images whose area is above the one at rank int(images x R) of the descending "
         "order, or above 0 where there is no such rank",
         0, 1, OPTION_RECORDED},
        {"area", 'a', OPTION_INTEGER, &options.area, "N",
         "keep the images whose area is above N pixels", 0, 1e15, OPTION_RECORDED},
        {"threshold", 0, OPTION_NUMBER, &options.threshold, "P",
         "a pixel counts where its probability is above P", 0, 1, OPTION_RECORDED},
        {"rule", 0, OPTION_FILE, &options.rule, "STREAM",
         "take threshold and area or ratio from the rule that calibrate wrote", 0, 0,
         OPTION_RECORDED},
    };
    const struct program program = {
        .name = "classify",
        .summary = "decide which images have a lesion at all",
        .purpose = PURPOSE_DECIDE,
        .usage = "--ratio R | --area N | --rule STREAM [OPTION]... [STREAM]",
        .description =
            "Reads probabilities (a NaN or an infinity ends the program with status 1) and writes "
            "a decision for each image, in their order: its `area` "
            "(pixels above the threshold) and `keep`, 1 for a lesion and 0 for none.\n\n"
            "--ratio needs all areas before it decides, and holds ids and areas until then; images "
            "of equal area at the limit are not kept. --area decides on each image as it comes.\n\n"
            "Reads stdin when no STREAM is named, or for '-'.",
        .examples = "merge fold*.mpk | classify --ratio 0.18 -o decisions.mpk\n"
                    "merge fold*.mpk | classify --rule rule.mpk -o decisions.mpk\n"
                    "classify --area 600 probabilities.mpk | inspect --json",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    if ((options.ratio >= 0) + (options.area >= 0) + (options.rule != NULL) != 1) {
        die_usage("exactly one of --ratio, --area and --rule must be given");
    }
    if (options.rule != NULL && options.threshold != USUAL_THRESHOLD) {
        die_usage("--threshold: the rule has one");
    }
    run(&options, &operands);
    return 0;
}
