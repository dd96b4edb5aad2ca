// predict-fold: a trained network's probabilities for samples.
#include "models/models.h"
#include "nn/profile.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/predict/predictor.h"
#include "program/progress.h"
#include "program/streams/sources.h"
#include "program/streams/streams.h"
#include "train/checkpoint/parameters.h"
#include "weights/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 2048 // that is taken from a file of weights
#define GPU_BATCH 4

struct options {
    const char *model, *network, *norm, *device, *precision, *type, *scales;
    int64_t batch, side;
    bool flip, profile;
    struct common_options common;
};

// What says which network it is: options and the weights' file, of one model or several.
struct source_of_graphs {
    const struct options *options;
    struct weight_table tables[WEIGHTS_MAX_NETWORKS];
    size_t count;
};

// The side that is asked for, or else the one in training. A file's word is not enough for a
// network that takes gigabytes.
static int64_t side_of(const struct options *options, const struct weight_table *table) {
    if (options->side > 0 || table->side <= 0) {
        return options->side > 0 ? options->side : 768;
    }
    if (table->side > MAX_SIDE) {
        die("%s: was trained at a side of %" PRId64 ", above %d: say so with --side if it is true",
            options->model, table->side, MAX_SIDE);
    }
    return table->side;
}

// The graph of a network for so many images, which the weights must fit.
static struct graph *build_graph(const void *context, size_t model, int64_t side, size_t images) {
    const struct source_of_graphs *source = context;
    const struct options *options = source->options;
    const struct weight_table *table = &source->tables[model];
    const struct layer_name said = graph_name("%s", table->network != NULL ? table->network : "");
    const struct layer_name name =
        options->network != NULL ? model_full_name(options->network, options->norm) : said;
    struct error error;
    if (name.text[0] == 0) {
        die("%s: does not say which network it is of: --network NAME (%s)", options->model,
            model_choices());
    }
    const struct model_options shape = {
        .images = images, .height = (size_t)side, .width = (size_t)side, .gray = true};
    struct graph *graph = model_build(name.text, GRAPH_PREDICT, &shape, &error);
    if (graph == NULL) {
        die("%s", error.text);
    }
    if (!parameters_check(graph, table, "", TAKE_NEEDED, &error)) {
        if (source->count > 1) {
            (void)fail_within(&error, "network %zu", model + 1);
        }
        die("%s: %s", options->model, error.text);
    }
    return graph;
}

// Adds a multiple of the usual side.
static void add_scale(struct predictor_options *run, const char *text, int64_t usual,
                      double scale) {
    const double step = MODEL_SIDE_STEP;
    const double side = floor(scale * (double)usual / step + 0.5) * step;
    if (run->side_count == MAX_SCALES) {
        die_usage("--scales '%s': %d at most", text, MAX_SCALES);
    }
    if (!(side >= MODEL_SIDE_STEP && side <= MODEL_MAX_SIDE)) {
        die_usage("--scales '%s': a side of %g, and it must be from %d to %d", text, side,
                  MODEL_SIDE_STEP, MODEL_MAX_SIDE);
    }
    for (size_t k = 0; k < run->side_count; k++) {
        if (run->sides[k] == (int64_t)side) {
            die_usage("--scales '%s': two of them make a side of %g", text, side);
        }
    }
    run->sides[run->side_count++] = (int64_t)side;
}

// The sides of --scales, or the usual one.
static void add_sides(struct predictor_options *run, const char *text, int64_t usual) {
    if (text == NULL) {
        run->sides[run->side_count++] = usual;
        return;
    }
    for (const char *rest = text;;) {
        char *end = NULL;
        const double scale = strtod(rest, &end);
        if (end == rest || (*end != ',' && *end != 0) || !(scale > 0) || !isfinite(scale)) {
            die_usage("--scales '%s': not numbers above 0, separated by commas", text);
        }
        add_scale(run, text, usual, scale);
        if (*end == 0) {
            return;
        }
        rest = end + 1;
    }
}

// Reads the weights. Several networks in one file are models of the same one, on the same side.
static void read_weights(const struct options *options, struct source_of_graphs *graphs) {
    const struct weight_table *first = &graphs->tables[0];
    struct error error;
    if (!weights_read_networks(options->model, graphs->tables, WEIGHTS_MAX_NETWORKS, &graphs->count,
                               &error)) {
        die("%s", error.text);
    }
    for (size_t k = 0; k < graphs->count; k++) {
        const struct weight_table *table = &graphs->tables[k];
        if (!options->common.quiet) {
            weight_table_say(table, options->model);
        }
        if (options->network == NULL && first->network != NULL && table->network != NULL &&
            strcmp(table->network, first->network) != 0) {
            die("%s: holds %s and %s: models of one network are averaged here, and merge does it "
                "with the probabilities of any",
                options->model, first->network, table->network);
        }
        if (options->side == 0 && table->side != first->side) {
            die("%s: its models were trained at sides of %" PRId64 " and %" PRId64
                ": --side says at which to predict",
                options->model, first->side, table->side);
        }
    }
}

static struct backend *open_backend(const struct options *options) {
    enum precision precision = PRECISION_F32;
    struct error error;
    if (!precision_named(options->precision, &precision)) {
        die_usage("--precision %s", options->precision);
    }
    struct backend *backend =
        backend_open(options->device, precision, (int)options->common.threads, &error);
    if (backend == NULL) {
        die("%s", error.text);
    }
    return backend;
}

// A processor gains nothing from several images at once.
static size_t batch_of(const struct options *options, const struct backend *backend) {
    const bool gpu = backend->kernels != NULL;
    return options->batch > 0 ? (size_t)options->batch : gpu ? GPU_BATCH : 1;
}

static void predict(const struct options *options, const struct operands *operands) {
    struct source_of_graphs graphs = {.options = options};
    struct predictor_options run = {.flip = options->flip,
                                    .type = strcmp(options->type, "f2") == 0 ? DTYPE_F2 : DTYPE_F4,
                                    .build = build_graph,
                                    .context = &graphs};
    struct predictor predictor = {
        .options = &run, .tables = graphs.tables, .mask.max_pixels = options->common.max_pixels};
    struct sources samples;
    struct record record;
    struct profile profile = {0};
    struct output *output = output_open(options->common.output, OUTPUT_BYTES);
    read_weights(options, &graphs);
    run.model_count = graphs.count;
    predictor.backend = open_backend(options);
    run.batch = batch_of(options, predictor.backend);
    add_sides(&run, options->scales, side_of(options, &graphs.tables[0]));
    predictor_open(&predictor);
    sources_open(&samples, operands->items, (size_t)operands->count, KIND_SAMPLES,
                 options->common.max_record);
    struct history history = samples.history;
    history_add(&history, text_of(operands->history));
    predictor.writer = stream_create(output, KIND_PROBABILITIES, &history);
    predictor_prepare(&predictor);
    struct progress progress = progress_start("images", 0, options->common.quiet);
    predictor.progress = &progress;
    predictor.backend->profile = options->profile ? &profile : NULL;
    while (sources_read(&samples, &record)) {
        predictor_add(&predictor, &samples, &record);
    }
    predictor_flush(&predictor);
    progress_end(&progress);
    if (options->profile) {
        profile_print(&profile, stderr);
    }
    stream_finish(predictor.writer);
    output_close(output);
    sources_close(&samples);
    predictor_close(&predictor);
    for (size_t k = 0; k < graphs.count; k++) {
        weight_table_free(&graphs.tables[k]);
    }
    backend_close(predictor.backend);
}

static const char description[] =
    "Reads samples from the SOURCEs: shard folders (see shard), in the index's order, stream "
    "files, or stdin when none is named, or for '-'. Writes `probability`, at each image's own "
    "size: `size` where augment has resized, else the image's. Images of another size than the "
    "network's are resized for it.\n\n"
    "The probability is the sigmoid of the main head, brought to size between the logits "
    "(bilinear, half-pixel centres). With --flip it is the mean of two; with --scales, whose "
    "sides are rounded to multiples of 32, the mean of all sizes' probabilities at the image's "
    "own size, as merge would make it of streams in f4. The largest size's memory serves the "
    "others, but for weights in the form that convolutions want them in, which each size has of "
    "its own.\n\n"
    "Checkpoints of one network may stand one behind another in FILE (cat), 100 at most: the "
    "probabilities are then the mean of all models', at all sizes, by the same arithmetic. An "
    "image is read once, and one model's memory serves the others, but for the weights.";

int main(int argc, char **argv) {
    struct options options = {
        .device = "auto", .precision = "f32", .type = "f2", .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"model", 'm', OPTION_FILE, &options.model, "FILE",
         "the weights: a checkpoint or several, .safetensors, .pth or ONNX", 0, 0, OPTION_RECORDED},
        {"network", 'n', OPTION_CHOICE, &options.network, model_choices(),
         "the weights' network (default: as the checkpoint says)", 0, 0, OPTION_RECORDED},
        {"norm", 0, OPTION_CHOICE, &options.norm, MODEL_NORMS,
         "what the network of --network is normalised by (default: bn)", 0, 0, OPTION_RECORDED},
        {"side", 0, OPTION_INTEGER, &options.side, "N",
         "of the images in the network (default: as in training; else 768)", MODEL_SIDE_STEP,
         MODEL_MAX_SIDE, OPTION_RECORDED},
        {"flip", 'f', OPTION_FLAG, &options.flip, NULL,
         "average with the prediction for the mirrored image", 0, 0, OPTION_RECORDED},
        {"scales", 0, OPTION_TEXT, &options.scales, "S1,S2,...",
         "average the predictions at several sizes: --side times each of these", 0, 0,
         OPTION_RECORDED},
        {"type", 0, OPTION_CHOICE, &options.type, "f2|f4", "of the probabilities", 0, 0,
         OPTION_RECORDED},
        {"batch", 'b', OPTION_INTEGER, &options.batch, "N",
         "images at once, fewer where the input pauses (default: 4 on a GPU; else 1)", 1, 4096,
         OPTION_SILENT},
        {"device", 0, OPTION_TEXT, &options.device, "auto|cpu|cuda|cuda:N", "auto is the CPU", 0, 0,
         OPTION_SILENT},
        {"precision", 0, OPTION_CHOICE, &options.precision, "f32|bf16", "of activations", 0, 0,
         OPTION_RECORDED},
        {"profile", 0, OPTION_FLAG, &options.profile, NULL, "print on stderr where the time went",
         0, 0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "predict-fold",
        .summary = "a trained network's probabilities for samples",
        .purpose = PURPOSE_PREDICT,
        .usage = "[OPTION]... --model FILE [SOURCE]...",
        .description = description,
        .examples =
            "decode xray.dcm | predict-fold --model best.mpk | rle-encode\n"
            "predict-fold -m best.mpk shards/ | zstd >fold0.mpk.zst\n"
            "predict-fold -m best.mpk --flip --scales 0.75,1,1.25 shards/ | zstd >f.mpk.zst\n"
            "cat fold0/best.mpk fold1/best.mpk >both.mpk && predict-fold -m both.mpk shards/ | "
            "inspect",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM | COMMON_THREADS | COMMON_MAX_PIXELS,
        .max_operands = -1,
    };
    backend_prepare(argv);
    const struct operands operands = cli_parse(&program, argc, argv);
    if (options.model == NULL) {
        die_usage("--model FILE: which weights?");
    }
    if (options.norm != NULL && options.network == NULL) {
        die_usage("--norm is of the network that --network names");
    }
    predict(&options, &operands);
    return 0;
}
