// train-fold: trains a network on samples; leaves checkpoints and a log.
#include "models/models.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/train/options.h"
#include "program/train/share.h"
#include "program/train/signals.h"
#include "program/train/start.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct options {
    const char *network, *norm, *optimizer, *device, *precision;
    struct layer_name full_name; // of the network with its norm
    int64_t batch;
    double dropout;
    bool recompute;
    struct start_options start;
    struct trainer_options train;
    struct ranks_options ranks;
    struct common_options common;
};

static struct graph *build(const struct options *options, const struct batch *batch,
                           const struct backend *backend, bool train) {
    const bool sparing = training_of(backend)->sparing;
    const struct model_options model = {.images = batch->capacity,
                                        .height = batch->height,
                                        .width = batch->width,
                                        .gray = true,
                                        .out_height = train && !sparing ? batch->mask_height : 0,
                                        .out_width = train && !sparing ? batch->mask_width : 0,
                                        .auxiliary = train,
                                        .dropout = options->dropout,
                                        .recompute = options->recompute,
                                        .sparing = sparing};
    struct error error;
    struct graph *graph =
        model_build(options->full_name.text, train ? GRAPH_TRAIN : GRAPH_PREDICT, &model, &error);
    if (graph == NULL) {
        die("%s", error.text);
    }
    return graph;
}

// `evaluates`: also the network that evaluates.
static void open_networks(const struct options *options, struct trainer *trainer, bool evaluates) {
    struct error error;
    enum precision precision = PRECISION_F32;
    if (!precision_named(options->precision, &precision)) {
        die_usage("--precision %s", options->precision);
    }
    struct backend *backend = backend_open(ranks_device(trainer->ranks, options->device), precision,
                                           (int)options->common.threads, &error);
    if (backend == NULL) {
        die("%s", error.text);
    }
    struct graph *graph = build(options, &trainer->batch, backend, true);
    struct executor *executor =
        step_prepare(graph, backend, &trainer->batch, &options->train.loss, &error)
            ? executor_new(graph, backend, &error)
            : NULL;
    if (executor == NULL || !optimizer_open(&trainer->optimizer, &options->train.optimizer, backend,
                                            graph, executor, &error)) {
        die("%s", error.text);
    }
    if (evaluates) {
        trainer->check_graph = build(options, &trainer->batch, backend, false);
        trainer->check_executor = executor_new(trainer->check_graph, backend, &error);
        if (trainer->check_executor == NULL) {
            die("%s", error.text);
        }
    }
}

static void close_trainer(struct trainer *trainer) {
    optimizer_close(&trainer->optimizer);
    executor_free(trainer->check_executor);
    graph_free(trainer->check_graph);
    executor_free(trainer->optimizer.executor);
    graph_free(trainer->optimizer.graph);
    backend_close(trainer->optimizer.backend);
    batch_free(&trainer->batch);
}

static void train(struct options *options, const struct operands *operands, struct ranks *ranks) {
    struct sources sources;
    struct record record;
    struct error error;
    char log[PATH_MAX];
    sources_open(&sources, operands->items + 1, (size_t)operands->count - 1, KIND_SAMPLES,
                 options->common.max_record);
    struct history history = sources.history;
    history_add(&history, text_of(operands->history));
    if (!sources_read(&sources, &record)) {
        die("no samples to learn from");
    }
    (void)snprintf(log, sizeof log, "%s/log.jsonl", options->train.folder);
    options->train.log = options->train.log != NULL ? options->train.log : log;
    struct trainer trainer = {
        .options = &options->train,
        .ranks = ranks,
        .samples = &sources,
        .first_waits = true,
        .record = &record,
        .history = &history,
        .state = {.network = options->full_name.text,
                  .options = operands->history,
                  .seed = options->train.seed,
                  .score = -1,
                  .best = -1,
                  .has_plateau = strcmp(options->train.schedule.kind, "plateau") == 0,
                  .kept.limit = (size_t)options->train.keep_best}};
    if (!batch_open(&trainer.batch, (size_t)options->batch, &record, true, &error)) {
        sources_die(&sources, &error);
    }
    trainer.state.side = (int64_t)trainer.batch.height;
    open_networks(options, &trainer, options->train.validation != NULL);
    trainer_start(&trainer, &options->start);
    if (!trainer_run(&trainer) && !options->common.quiet) {
        warn("stopped after iteration %" PRId64 " of %" PRId64
             "; the same command with --resume goes on",
             trainer.state.iteration, options->train.iterations);
    }
    close_trainer(&trainer);
    sources_close(&sources);
}

// What a rank but 0 does.
static void run_passes(const struct options *options, struct ranks *ranks) {
    struct trainer trainer = {.ranks = ranks};
    share_sizes(ranks, &trainer.batch);
    open_networks(options, &trainer, false);
    share_work(ranks, &trainer.optimizer, &trainer.batch, &options->train.loss);
    close_trainer(&trainer);
}

// What --help says, with the terms of the loss as their table has them.
static const char *description(void) {
    static char text[4000];
    char loss[LOSS_TEXT_SIZE];
    loss_text(loss);
    (void)snprintf(
        text, sizeof text,
        "Trains a network on the samples of STREAMs (stdin when none is named, or for '-'), which "
        "come from augment: `image`, and `mask` or `rle`. Images must have one size, whose sides "
        "are multiples of 32; the masks' size is that of the logits. DIR, made if need be, "
        "gets\n\n"
        "last.mpk: the newest checkpoint, with all that --resume needs; best.mpk: the weights with "
        "the best score on --val so far; with --keep-best also best-ITERATION.mpk, whose mean "
        "merge makes; log.jsonl: a line of JSON for some iterations and for each evaluation.\n\n"
        "The loss is %s; the terms of masks are summed over the heads, with weights 1, 0.4, 0.4, "
        "0.4. The optimiser takes a step every --accumulate batches. The rate rises from a tenth "
        "over the first --warm-up percent of the iterations. Then it falls to a tenth along half a "
        "cosine, once or in --cycles; or it stays (constant), and is multiplied with "
        "--plateau-factor after --plateau-patience evaluations without a new best score "
        "(plateau).\n\n"
        "SIGINT or SIGTERM: the step at hand is done, last.mpk is written, status 0. With --resume "
        "the run goes on from last.mpk, to the same bytes as if it had never been stopped: give "
        "the same options and the same samples, from their beginning, or from sample N on with "
        "--skipped N (augment --skip N; N is `samples` in the checkpoint's state). Without "
        "last.mpk --resume starts.\n\n"
        "Same seed, device and threads of a rank: same bytes. A run may go on with other --ranks.",
        loss);
    return text;
}

static const char examples[] =
    "augment shards/ --fold 0/10 --split train --lesion-only --batch 6 --samples 242400 |\n"
    "    train-fold --network unet-resnet18 --iterations 40400 --val val.mpk fold0\n"
    "train-fold --bce 3 --bce-balance 0 --lovasz 0 --dice 1 --focal 4 fold0 train.mpk\n"
    "inspect --json fold0/last.mpk | jq 'select(.id==\"state\")'\n"
    "jq -r 'select(.dice) | [.iteration, .dice] | @tsv' fold0/log.jsonl";

// ---- the table of options

struct table {
    struct option_row rows[MAX_OPTIONS];
    size_t count;
};

static void add_rows(struct table *table, const struct option_row *rows, size_t count) {
    memcpy(&table->rows[table->count], rows, count * sizeof *rows);
    table->count += count;
}

// What is learned, and how fast.
static void add_learning(struct table *table, struct options *options) {
    struct trainer_options *train_options = &options->train;
    const struct option_row rows[] = {
        {.name = "network",
         .letter = 'n',
         .type = OPTION_CHOICE,
         .target = &options->network,
         .argument = model_choices(),
         .help = "DECODER-ENCODER",
         .trace = OPTION_RECORDED},
        {.name = "norm",
         .type = OPTION_CHOICE,
         .target = &options->norm,
         .argument = MODEL_NORMS,
         .help = "batch or group normalisation: gn has 32 groups (as many as divide 32 and the "
                 "channels), and the network is called NETWORK-gn in the checkpoint",
         .trace = OPTION_RECORDED},
        {.name = "iterations",
         .letter = 'i',
         .type = OPTION_INTEGER,
         .target = &train_options->iterations,
         .argument = "N",
         .help = "batches, all in all",
         .minimum = 1,
         .maximum = 1e12,
         .trace = OPTION_RECORDED},
        {.name = "batch",
         .letter = 'b',
         .type = OPTION_INTEGER,
         .target = &options->batch,
         .argument = "N",
         .help = "images a batch",
         .minimum = 1,
         .maximum = 4096,
         .trace = OPTION_RECORDED},
        {.name = "accumulate",
         .letter = 'a',
         .type = OPTION_INTEGER,
         .target = &train_options->accumulate,
         .argument = "N",
         .help = "batches for one step of the optimiser",
         .minimum = 1,
         .maximum = 1e6,
         .trace = OPTION_RECORDED},
        {.name = "rate",
         .letter = 'r',
         .type = OPTION_NUMBER,
         .target = &train_options->rate,
         .argument = "R",
         .help = "the highest learning rate",
         .minimum = 0,
         .maximum = 10,
         .trace = OPTION_RECORDED},
        {.name = "decay",
         .type = OPTION_NUMBER,
         .target = &train_options->decay,
         .argument = "D",
         .help = "weight decay of convolutions: decoupled with radam and adamw, added to the "
                 "gradient with adam and sgd",
         .minimum = 0,
         .maximum = 1,
         .trace = OPTION_RECORDED},
    };
    add_rows(table, rows, COUNT_OF(rows));
}

// The terms of the loss, and the optimisers.
static void add_tables(struct table *table, struct options *options) {
    const struct option_row optimizer = {.name = "optimizer",
                                         .type = OPTION_CHOICE,
                                         .target = &options->optimizer,
                                         .argument = optimizer_choices(),
                                         .help = "what changes the weights by their gradients",
                                         .trace = OPTION_RECORDED};
    table->count += loss_rows(&options->train.loss, &table->rows[table->count]);
    add_rows(table, &optimizer, 1);
    table->count += optimizer_rows(&options->train.optimizer, &table->rows[table->count]);
    table->count += update_rows(&options->train, &table->rows[table->count]);
}

// What a run draws.
static void add_draws(struct table *table, struct options *options) {
    const struct option_row rows[] = {
        {.name = "dropout",
         .type = OPTION_NUMBER,
         .target = &options->dropout,
         .argument = "P",
         .help = "of channels before each head's last layer",
         .minimum = 0,
         .maximum = 0.9,
         .trace = OPTION_RECORDED},
        {.name = "seed",
         .letter = 's',
         .type = OPTION_INTEGER,
         .target = &options->train.seed,
         .argument = "N",
         .help = "of first weights and dropout",
         .minimum = 0,
         .maximum = 1e15,
         .trace = OPTION_RECORDED},
    };
    add_rows(table, rows, COUNT_OF(rows));
}

// What a run works on.
static void add_machine(struct table *table, struct options *options) {
    const struct option_row rows[] = {
        {.name = "device",
         .type = OPTION_TEXT,
         .target = &options->device,
         .argument = "auto|cpu|cuda|cuda:N",
         .help = "auto is the CPU"},
        {.name = "precision",
         .type = OPTION_CHOICE,
         .target = &options->precision,
         .argument = "f32|bf16",
         .help = "of activations",
         .trace = OPTION_RECORDED},
        {.name = "recompute",
         .type = OPTION_FLAG,
         .target = &options->recompute,
         .help = "recompute most activations instead of keeping them: less memory, more time"},
        {.name = "profile",
         .type = OPTION_FLAG,
         .target = &options->train.profile,
         .help = "print on stderr where the time went"},
    };
    add_rows(table, rows, COUNT_OF(rows));
}

// In each rank. Those that wait for each other can be interrupted.
static void start(struct options *options, const struct operands *operands) {
    if (options->ranks.meet == NULL) {
        const int64_t share = options->common.threads / options->ranks.count;
        options->common.threads = share > 0 ? share : 1;
        signals_hold();
    }
    char agreement[sizeof operands->history + sizeof(struct backend_kind)];
    (void)snprintf(agreement, sizeof agreement, "%s%s", operands->history,
                   backend_kind_of(options->device).text);
    struct ranks *ranks = ranks_open(&options->ranks, agreement);
    signals_hold();
    if (ranks_own(ranks) == 0) {
        train(options, operands, ranks);
    } else {
        run_passes(options, ranks);
    }
    ranks_close(ranks);
}

int main(int argc, char **argv) {
    struct options options = {.network = model_name(0),
                              .norm = "bn",
                              .optimizer = optimizer_rules[0]->name,
                              .device = "auto",
                              .precision = "f32",
                              .batch = 6,
                              .dropout = 0.1,
                              .train = {.iterations = 40400,
                                        .accumulate = 4,
                                        .rate = 5e-4,
                                        .decay = 1e-4,
                                        .save_every = 100,
                                        .log_every = 20,
                                        .schedule = schedule_usual(),
                                        .keep = "dice",
                                        .keep_best = 1,
                                        .loss = loss_options_usual(),
                                        .optimizer = optimizer_options_usual()},
                              .ranks = ranks_options_usual(),
                              .common = cli_common_defaults()};
    struct table table = {.count = 0};
    add_learning(&table, &options);
    table.count += schedule_rows(&options.train.schedule, &table.rows[table.count]);
    add_tables(&table, &options);
    add_draws(&table, &options);
    table.count += start_rows(&options.start, &table.rows[table.count]);
    table.count += result_rows(&options.train, &table.rows[table.count]);
    add_machine(&table, &options);
    table.count += ranks_rows(&options.ranks, &table.rows[table.count]);
    const struct program program = {
        .name = "train-fold",
        .summary = "train a network on samples",
        .purpose = PURPOSE_TRAIN,
        .usage = "[OPTION]... DIR [STREAM]...",
        .description = description(),
        .examples = examples,
        .options = table.rows,
        .option_count = table.count,
        .common = &options.common,
        .common_options = COMMON_QUIET | COMMON_THREADS | COMMON_MAX_RECORD,
        .min_operands = 1,
        .max_operands = -1,
    };
    backend_prepare(argv);
    const struct operands operands = cli_parse(&program, argc, argv);
    struct trainer_options *train_options = &options.train;
    train_options->folder = operands.items[0];
    train_options->optimizer.index = optimizer_named(options.optimizer);
    train_options->max_record = options.common.max_record;
    train_options->quiet = options.common.quiet;
    train_options_check(train_options);
    options.ranks.quiet = options.common.quiet;
    ranks_settle(&options.ranks, train_options->accumulate);
    train_options->optimizer.accumulate = train_options->accumulate;
    train_options->optimizer.frozen_steps = train_options->freeze / train_options->accumulate;
    options.full_name = model_full_name(options.network, options.norm);
    start(&options, &operands);
    return 0;
}
