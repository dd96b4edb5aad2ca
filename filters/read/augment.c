// augment: samples in an order of their own, cropped, flipped and resized for a network.
#include "dataset/sample.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/streams/augmenter.h"
#include "program/streams/sources.h"

#include <string.h>

struct options {
    const char *fold, *split;
    int64_t side, mask_side, dilation, epochs, samples, batch, skip, seed;
    bool lesion_only, lesion_epochs, plain, no_shuffle;
    double balance, balance_end, tone, shift_scale_rotate, distort;
    struct common_options common;
};

struct task {
    const struct options *options;
    const struct operands *operands;
    struct fold fold;
    enum split split;
    struct sampler_options order;
    struct augment_rule rule;
};

static struct augmenter *start(const struct task *task, const struct catalog *catalog,
                               const struct history *inputs, uint64_t total) {
    struct history history = *inputs;
    history_add(&history, text_of(task->operands->history));
    return augmenter_start(&task->rule, catalog, &task->options->common, &history, total);
}

// ---- samples in any order, from shard folders and files

static void augment_catalog(const struct task *task) {
    struct catalog catalog = {.max_record = task->options->common.max_record};
    struct sampler sampler;
    struct error error;
    const uint64_t skip = (uint64_t)task->options->skip;
    for (int i = 0; i < task->operands->count; i++) {
        if (!catalog_add(&catalog, task->operands->items[i], &error)) {
            die("%s", error.text);
        }
    }
    if (!catalog_sampler(&catalog, task->fold, task->split, &task->order, &sampler, &error)) {
        die("%s: %s", task->operands->items[0], error.text);
    }
    const uint64_t total = sampler.total == UINT64_MAX ? 0 : sampler.total;
    struct augmenter *augmenter =
        start(task, &catalog, &catalog.history, total > skip ? total - skip : 0);
    for (uint64_t position = skip; position < sampler.total; position++) {
        augmenter_put_entry(augmenter, position, sampler_at(&sampler, position).image);
    }
    augmenter_end(augmenter);
    sampler_free(&sampler);
    catalog_free(&catalog);
}

// ---- samples as they come

static void augment_streams(const struct task *task) {
    const struct options *options = task->options;
    const uint64_t end = options->samples > 0 ? (uint64_t)options->samples : UINT64_MAX;
    struct sources sources;
    struct record sample;
    struct error error;
    struct sample_mask mask = {.labelled = false};
    sources_open(&sources, task->operands->items, (size_t)task->operands->count, KIND_SAMPLES,
                 options->common.max_record);
    struct augmenter *augmenter = start(task, NULL, &sources.history, 0);
    for (uint64_t position = 0; position < end && sources_read(&sources, &sample);) {
        bool wanted = true;
        if (options->lesion_only && !sample_has_lesion(&mask, &sample, &wanted, &error)) {
            sources_die(&sources, &error);
        }
        if (!wanted) {
            continue;
        }
        if (position >= (uint64_t)options->skip) {
            augmenter_put_sample(augmenter, position, &sample, sources_path(&sources));
        }
        position++;
    }
    augmenter_end(augmenter);
    sources_close(&sources);
    sample_mask_free(&mask);
}

// ---- options

// The option that needs more than each sample once and in order; NULL: none.
static const char *needs_any_order(const struct sampler_options *order, enum split split) {
    return split != SPLIT_ALL    ? "--split"
           : order->balance >= 0 ? "--balance"
           : order->batch > 1    ? "--batch"
           : order->epochs != 1  ? "more than one epoch (see --epochs)"
           : order->shuffle      ? "a shuffled order (see --no-shuffle, --plain)"
                                 : NULL;
}

// Whether the sources are read as they come: none is a shard folder and nothing asks for more.
static bool read_as_they_come(const struct operands *operands, const char *need) {
    bool folder = false;
    const char *pipe = operands->count == 0 ? "-" : NULL;
    for (int i = 0; i < operands->count; i++) {
        const enum catalog_source_type type = catalog_source_type(operands->items[i]);
        folder = folder || type == CATALOG_SOURCE_FOLDER;
        pipe = type == CATALOG_SOURCE_PIPE ? operands->items[i] : pipe;
    }
    if (pipe != NULL && need != NULL) {
        die_usage("%s: a pipe gives each sample once, in order, but %s needs them all: make a "
                  "shard folder first: ... | shard DIR",
                  strcmp(pipe, "-") == 0 ? "stdin" : pipe, need);
    }
    if (pipe != NULL && folder) {
        die_usage("%s: a pipe cannot be read beside a shard folder", pipe);
    }
    return !folder && need == NULL;
}

static enum split read_fold(const struct options *options, struct fold *fold) {
    struct error error;
    const char *split = options->split;
    if (options->fold != NULL && !fold_parse(fold, options->fold, &error)) {
        die_usage("--fold %s", error.text);
    }
    if (options->fold != NULL && split == NULL) {
        die_usage("--fold without --split: say whether to take its train or its val part");
    }
    if (split == NULL || strcmp(split, "all") == 0) {
        return SPLIT_ALL;
    }
    if (options->fold == NULL) {
        die_usage("--split %s: of which fold? Add --fold K/N", split);
    }
    return strcmp(split, "val") == 0 ? SPLIT_VAL : SPLIT_TRAIN;
}

static struct sampler_options read_order(const struct options *options) {
    if (options->lesion_only && options->balance >= 0) {
        die_usage("--lesion-only and --balance: one or the other");
    }
    if (options->balance < 0 && (options->balance_end >= 0 || options->lesion_epochs)) {
        die_usage("%s is of --balance",
                  options->balance_end >= 0 ? "--balance-end" : "--lesion-epochs");
    }
    const int64_t epochs = options->epochs >= 0 ? options->epochs : options->samples > 0 ? 0 : 1;
    return (struct sampler_options){.seed = (uint64_t)options->seed,
                                    .shuffle = !options->plain && !options->no_shuffle,
                                    .lesion_only = options->lesion_only,
                                    .balance = options->balance,
                                    .balance_end = options->balance_end,
                                    .lesion_epochs = options->lesion_epochs,
                                    .batch = (size_t)options->batch,
                                    .epochs = (uint64_t)epochs,
                                    .samples = (uint64_t)options->samples};
}

static struct augment_rule read_rule(const struct options *options) {
    if (options->plain &&
        (options->tone > 0 || options->shift_scale_rotate > 0 || options->distort > 0)) {
        die_usage("--plain: --tone, --shift-scale-rotate and --distort change images");
    }
    // The method's masks are a third larger than its images: 768 and 1024.
    const int64_t larger = (4 * options->side + 1) / 3;
    const int64_t mask_side = options->mask_side > 0 ? options->mask_side : larger;
    return (struct augment_rule){.seed = (uint64_t)options->seed,
                                 .side = (size_t)options->side,
                                 .mask_side = (size_t)mask_side,
                                 .dilation = (size_t)options->dilation,
                                 .plain = options->plain,
                                 .tone = options->tone,
                                 .shift_scale_rotate = options->shift_scale_rotate,
                                 .distort = options->distort};
}

static void run(const struct options *options, const struct operands *operands) {
    struct task task = {.options = options,
                        .operands = operands,
                        .order = read_order(options),
                        .rule = read_rule(options)};
    task.split = read_fold(options, &task.fold);
    if (read_as_they_come(operands, needs_any_order(&task.order, task.split))) {
        augment_streams(&task);
    } else {
        augment_catalog(&task);
    }
}

static const char description[] =
    "Reads samples from the SOURCEs: shard folders (see shard), stream files, or stdin when none "
    "is named, or for '-'. Writes samples with `image` (side x side) and, where there are labels, "
    "`mask` (0 and 1).\n\n"
    "Each sample is a crop of 7/8 to all of the height, and of the width, mirrored with "
    "probability 1/2, resized. --tone then changes gray levels: brightness, contrast or gamma by "
    "up to "
    "0.2. --shift-scale-rotate moves by up to 1/16 of the side, scales by 0.9 to 1.1 and turns by "
    "up to "
    "45 degrees; --distort bends: elastically, by a grid of 5 x 5 cells, or as a lens. Masks are "
    "moved "
    "alike. The order is shuffled anew each epoch. With --balance, images with "
    "a lesion and images without are two lists, each shuffled and gone through again and again on "
    "its own; an epoch is then as many samples as there are images, or with --lesion-epochs as "
    "many "
    "as go once through those with a lesion. With --balance-end the share slides evenly over all "
    "samples that --samples or --epochs ask for, whatever --skip leaves out. Draws depend on "
    "--seed and a "
    "sample's number alone: any number of --threads gives the same samples, and --skip resumes "
    "anywhere.\n\n"
    "A fold is a part of the ids' bytewise order, permuted: image i of n is in val of fold K/N "
    "when n*K/N <= i < n*(K+1)/N, and else in train. --plain and --no-shuffle give train and val "
    "in the permuted order, and all in the order of the SOURCEs. With --plain, `rle` stays, and "
    "`size` is the height and width it refers to.\n\n"
    "A pipe gives its samples once and in order: with --plain or --no-shuffle that is enough, in "
    "constant memory. For a fold, balance, batches, shuffling or several epochs make a shard "
    "folder first.";

static const char examples[] =
    "augment shards/ --fold 0/10 --split train --lesion-only --batch 6 --samples "
    "242400 | train-fold ...\n"
    "augment shards/ --fold 0/10 --split val --plain | inspect\n"
    "augment shards/ --balance 0.8 --balance-end 0.4 --lesion-epochs --epochs 50 | train-fold ...\n"
    "decode xrays/ | augment --plain | predict-fold --model best.mpk";

static struct options default_options(void) {
    return (struct options){.side = 768,
                            .epochs = -1,
                            .batch = 1,
                            .balance = BALANCE_NONE,
                            .balance_end = BALANCE_NONE,
                            .common = cli_common_defaults()};
}

int main(int argc, char **argv) {
    struct options options = default_options();
    const struct option_row rows[] = {
        {"fold", 'f', OPTION_TEXT, &options.fold, "K/N",
         "fold K of N, 0 <= K < N; the ids alone decide which images are in it", 0, 0,
         OPTION_RECORDED},
        {"split", 's', OPTION_CHOICE, &options.split, "train|val|all", "the part of the fold", 0, 0,
         OPTION_RECORDED},
        {"side", 0, OPTION_INTEGER, &options.side, "N", "of the images, in pixels", 1,
         AUGMENT_MAX_SIDE, OPTION_RECORDED},
        {"mask-side", 0, OPTION_INTEGER, &options.mask_side, "N",
         "of the masks, in pixels (default: 4/3 of --side)", 1, AUGMENT_MAX_MASK_SIDE,
         OPTION_RECORDED},
        {"lesion-only", 'l', OPTION_FLAG, &options.lesion_only, NULL,
         "leave out images without lesion", 0, 0, OPTION_RECORDED},
        {"balance", 'b', OPTION_NUMBER, &options.balance, "R",
         "so great a share of images with a lesion, 0 to 1; 0.5: half of each batch", 0, 1,
         OPTION_RECORDED},
        {"balance-end", 0, OPTION_NUMBER, &options.balance_end, "R",
         "the share at the last sample (default: that of --balance)", 0, 1, OPTION_RECORDED},
        {"lesion-epochs", 0, OPTION_FLAG, &options.lesion_epochs, NULL,
         "with --balance: an epoch goes once through the images with a lesion", 0, 0,
         OPTION_RECORDED},
        {"dilate", 'd', OPTION_INTEGER, &options.dilation, "N",
         "dilate the masks with a box of N x N pixels, at the image's own size", 1, 65535,
         OPTION_RECORDED},
        {"tone", 0, OPTION_NUMBER, &options.tone, "P",
         "change brightness, contrast or gamma with probability P", 0, 1, OPTION_RECORDED},
        {"shift-scale-rotate", 0, OPTION_NUMBER, &options.shift_scale_rotate, "P",
         "shift, scale and turn with probability P", 0, 1, OPTION_RECORDED},
        {"distort", 0, OPTION_NUMBER, &options.distort, "P",
         "elastic, grid or optical distortion with probability P", 0, 1, OPTION_RECORDED},
        {"epochs", 'e', OPTION_INTEGER, &options.epochs, "N",
         "go through the images N times; 0: without end (default: 1, or 0 with --samples)", 0, 1e15,
         OPTION_RECORDED},
        {"samples", 'n', OPTION_INTEGER, &options.samples, "N", "end after N samples", 1, 1e15,
         OPTION_RECORDED},
        {"batch", 0, OPTION_INTEGER, &options.batch, "N",
         "leave out the last images of an epoch that do not fill a batch of N", 1, 1e9,
         OPTION_RECORDED},
        // Not in the history: a training that goes on leaves the bytes of one that never stopped.
        {"skip", 0, OPTION_INTEGER, &options.skip, "N",
         "leave out the first N samples: what comes out is the rest, unchanged", 0, 1e15,
         OPTION_SILENT},
        {"seed", 0, OPTION_INTEGER, &options.seed, "N", "of every draw", 0, 1e15, OPTION_RECORDED},
        {"plain", 'p', OPTION_FLAG, &options.plain, NULL,
         "no crop, no flip, no shuffle: resize only", 0, 0, OPTION_RECORDED},
        {"no-shuffle", 0, OPTION_FLAG, &options.no_shuffle, NULL,
         "keep the order, the same in each epoch", 0, 0, OPTION_RECORDED},
    };
    const struct program program = {
        .name = "augment",
        .summary = "samples for a network: in random order, cropped, flipped and resized",
        .purpose = PURPOSE_READ,
        .usage = "[OPTION]... [SOURCE]...",
        .description = description,
        .examples = examples,
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM | COMMON_THREADS,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    run(&options, &operands);
    return 0;
}
