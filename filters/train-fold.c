// train-fold: trains a network on samples; leaves checkpoints and a log.
#include "models/models.h"
#include "program/cli.h"
#include "program/die.h"
#include "program/train/start.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct options {
    const char *network, *keep, *device, *precision, *log;
    int64_t batch;
    double dropout;
    bool recompute;
    struct start_options start;
    struct trainer_options train;
    struct common_options common;
};

// The signals that ask for an end wait until a step is done: for all threads, so before the first.
static void hold_signals(void) {
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

static struct graph *build(const struct options *options, const struct batch *batch, bool train) {
    const struct model_options model = {.images = batch->capacity,
                                        .height = batch->height,
                                        .width = batch->width,
                                        .gray = true,
                                        .out_height = train ? batch->mask_height : 0,
                                        .out_width = train ? batch->mask_width : 0,
                                        .auxiliary = train,
                                        .dropout = options->dropout,
                                        .recompute = options->recompute};
    struct error error;
    struct graph *graph =
        model_build(options->network, train ? GRAPH_TRAIN : GRAPH_PREDICT, &model, &error);
    if (graph == NULL) {
        die("%s", error.text);
    }
    return graph;
}

static void open_networks(const struct options *options, struct trainer *trainer) {
    struct error error;
    enum precision precision = PRECISION_F32;
    if (!precision_named(options->precision, &precision)) {
        die_usage("--precision %s", options->precision);
    }
    struct backend *backend =
        backend_open(options->device, precision, (int)options->common.threads, &error);
    if (backend == NULL) {
        die("%s", error.text);
    }
    struct graph *graph = build(options, &trainer->batch, true);
    struct executor *executor = executor_new(graph, backend, &error);
    if (executor == NULL ||
        !optimizer_open(&trainer->optimizer, backend, graph, executor, &error)) {
        die("%s", error.text);
    }
    if (options->train.validation != NULL) {
        trainer->check_graph = build(options, &trainer->batch, false);
        trainer->check_executor = executor_new(trainer->check_graph, backend, &error);
        if (trainer->check_executor == NULL) {
            die("%s", error.text);
        }
    }
}

static void close_networks(struct trainer *trainer) {
    optimizer_close(&trainer->optimizer);
    executor_free(trainer->check_executor);
    graph_free(trainer->check_graph);
    executor_free(trainer->optimizer.executor);
    graph_free(trainer->optimizer.graph);
    backend_close(trainer->optimizer.backend);
}

static void train(struct options *options, const struct operands *operands) {
    struct sources sources;
    struct record record;
    struct error error;
    char log[PATH_MAX];
    sources_open(&sources, operands->at + 1, (size_t)operands->count - 1, KIND_SAMPLES,
                 options->common.max_record);
    struct history history = sources.history;
    history_add(&history, text_of(operands->history));
    if (!sources_read(&sources, &record)) {
        die("no samples to learn from");
    }
    (void)snprintf(log, sizeof log, "%s/log.jsonl", options->train.folder);
    options->train.log = options->log != NULL ? options->log : log;
    struct trainer trainer = {.options = &options->train,
                              .samples = &sources,
                              .first_waits = true,
                              .record = &record,
                              .history = &history,
                              .state = {.network = options->network,
                                        .options = operands->history,
                                        .seed = options->train.seed,
                                        .score = -1,
                                        .best = -1}};
    if (!batch_open(&trainer.batch, (size_t)options->batch, &record, true, &error)) {
        sources_die(&sources, &error);
    }
    trainer.state.side = (int64_t)trainer.batch.height;
    open_networks(options, &trainer);
    trainer_start(&trainer, &options->start);
    if (!trainer_run(&trainer) && !options->common.quiet) {
        warn("stopped after iteration %" PRId64 " of %" PRId64
             "; the same command with --resume goes on",
             trainer.state.iteration, options->train.iterations);
    }
    close_networks(&trainer);
    batch_free(&trainer.batch);
    sources_close(&sources);
}

static const char description[] =
    "Trains a network on the samples of STREAMs (stdin when none is named, or for '-'), which "
    "come from augment: `image`, and `mask` or `rle`. Images must have one size, whose sides are "
    "multiples of 32; the masks' size is that of the logits. DIR, made if need be, gets\n\n"
    "last.mpk: the newest checkpoint, with all that --resume needs; best.mpk: the weights with "
    "the best score on --val so far; log.jsonl: a line of JSON for some iterations and for each "
    "evaluation.\n\n"
    "The loss is summed over the heads with weights 1, 0.4, 0.4, 0.4: balanced BCE + 0.1 x "
    "symmetric Lovasz hinge; + --lambda-cls x BCE of the global logit. RAdam takes a step every "
    "--accumulate batches. The rate rises from a tenth over the first 5 % of the iterations and "
    "falls to a tenth along half a cosine.\n\n"
    "SIGINT or SIGTERM: the step at hand is done, last.mpk is written, status 0. With --resume "
    "the run goes on from last.mpk, to the same bytes as if it had never been stopped: give the "
    "same options and the same samples, from their beginning, or from sample N on with --skipped "
    "N (augment --skip N; N is `samples` in the checkpoint's state). Without last.mpk --resume "
    "starts.\n\n"
    "Same seed, device and threads: same bytes.";

static const char examples[] =
    "augment shards/ --fold 0/10 --split train --lesion-only --batch 6 --samples 242400 |\n"
    "    train-fold --network unet-resnet18 --iterations 40400 --val val.mpk fold0\n"
    "inspect --json fold0/last.mpk | jq 'select(.id==\"state\")'\n"
    "jq -r 'select(.dice) | [.iteration, .dice] | @tsv' fold0/log.jsonl";

#define OPTIONS 24

struct option_rows {
    struct option_row at[OPTIONS];
};

static struct option_rows rows_of(struct options *options) {
    struct trainer_options *train_options = &options->train;
    struct loss_options *loss = &options->train.loss;
    return (struct option_rows){{
        {"network", 'n', OPTION_CHOICE, &options->network, model_choices(), "", 0, 0,
         OPTION_RECORDED},
        {"iterations", 'i', OPTION_INTEGER, &train_options->iterations, "N", "batches, all in all",
         1, 1e12, OPTION_RECORDED},
        {"batch", 'b', OPTION_INTEGER, &options->batch, "N", "images a batch", 1, 4096,
         OPTION_RECORDED},
        {"accumulate", 'a', OPTION_INTEGER, &train_options->accumulate, "N",
         "batches for one step of the optimiser", 1, 1e6, OPTION_RECORDED},
        {"rate", 'r', OPTION_NUMBER, &train_options->rate, "R", "the highest learning rate", 0, 10,
         OPTION_RECORDED},
        {"decay", 0, OPTION_NUMBER, &train_options->decay, "D",
         "decoupled weight decay of convolutions", 0, 1, OPTION_RECORDED},
        {"margin", 0, OPTION_NUMBER, &loss->margin_lesion, "M",
         "of the Lovasz hinge, for lesions; 1 for classification", 0, 100, OPTION_RECORDED},
        {"lambda-cls", 0, OPTION_NUMBER, &loss->lambda_cls, "L",
         "of the global logit's BCE; 0.1 for classification", 0, 100, OPTION_RECORDED},
        {"alpha", 0, OPTION_NUMBER, &loss->alpha, "A", "the lesion's share of the balanced BCE", 0,
         1, OPTION_RECORDED},
        {"dropout", 0, OPTION_NUMBER, &options->dropout, "P",
         "of channels before each head's last layer", 0, 0.9, OPTION_RECORDED},
        {"seed", 's', OPTION_INTEGER, &train_options->seed, "N", "of first weights and dropout", 0,
         1e15, OPTION_RECORDED},
        {"init", 0, OPTION_FILE, &options->start.init, "FILE",
         "start from these weights: a checkpoint, .safetensors or .pth of the network, or of "
         "torchvision's resnet18 for the backbone",
         0, 0, OPTION_RECORDED},
        {"val", 'v', OPTION_FILE, &train_options->validation, "FILE",
         "evaluate on these samples (augment --plain), and keep the best weights", 0, 0,
         OPTION_RECORDED},
        {"eval-every", 'e', OPTION_INTEGER, &train_options->evaluate_every, "N",
         "evaluate every N iterations (default: at the end)", 1, 1e12, OPTION_RECORDED},
        {"keep", 'k', OPTION_CHOICE, &options->keep, "dice|wacc",
         "the best by Dice, or by weighted accuracy", 0, 0, OPTION_RECORDED},
        {"save-every", 0, OPTION_INTEGER, &train_options->save_every, "N",
         "write last.mpk every N iterations", 1, 1e12, OPTION_SILENT},
        {"log-every", 0, OPTION_INTEGER, &train_options->log_every, "N",
         "a line of the log every N iterations", 1, 1e12, OPTION_SILENT},
        {"log", 'l', OPTION_FILE, &options->log, "FILE", "the log (default: DIR/log.jsonl)", 0, 0,
         OPTION_SILENT},
        {"resume", 0, OPTION_FLAG, &options->start.resume, NULL, "go on from DIR/last.mpk", 0, 0,
         OPTION_SILENT},
        {"skipped", 0, OPTION_INTEGER, &options->start.skipped, "N",
         "the first N samples have been left out of the stream", 0, 1e15, OPTION_SILENT},
        {"device", 0, OPTION_TEXT, &options->device, "auto|cpu|cuda|cuda:N", "auto is the CPU", 0,
         0, OPTION_SILENT},
        {"precision", 0, OPTION_CHOICE, &options->precision, "f32|bf16", "of activations", 0, 0,
         OPTION_RECORDED},
        {"recompute", 0, OPTION_FLAG, &options->recompute, NULL,
         "make most activations again instead of keeping them: less memory, more time", 0, 0,
         OPTION_SILENT},
        {"profile", 0, OPTION_FLAG, &train_options->profile, NULL,
         "print on stderr where the time went", 0, 0, OPTION_SILENT},
    }};
}

int main(int argc, char **argv) {
    struct options options = {.network = model_name(0),
                              .keep = "dice",
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
                                        .loss = loss_options_usual},
                              .common = common_defaults()};
    const struct option_rows rows = rows_of(&options);
    const struct program program = {
        .name = "train-fold",
        .summary = "train a network on samples",
        .usage = "[OPTION]... DIR [STREAM]...",
        .description = description,
        .examples = examples,
        .options = rows.at,
        .option_count = OPTIONS,
        .common = &options.common,
        .common_options = COMMON_QUIET | COMMON_THREADS | COMMON_MAX_RECORD,
        .operands_least = 1,
        .operands_most = -1,
    };
    backend_prepare(argv);
    const struct operands operands = cli_parse(&program, argc, argv);
    struct trainer_options *train_options = &options.train;
    train_options->folder = operands.at[0];
    train_options->keep_accuracy = strcmp(options.keep, "wacc") == 0;
    train_options->max_record = options.common.max_record;
    train_options->quiet = options.common.quiet;
    hold_signals();
    train(&options, &operands);
    return 0;
}
