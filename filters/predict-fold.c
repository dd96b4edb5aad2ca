// predict-fold: a trained network's probabilities for samples.
#include "core/numbers/fp16.h"
#include "dataset/sample.h"
#include "models/models.h"
#include "nn/profile.h"
#include "program/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/sources.h"
#include "program/streams/streams.h"
#include "stream/statistics.h"
#include "train/checkpoint/parameters.h"
#include "train/inference.h"
#include "weights/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 2048 // that is taken from a file of weights

struct options {
    const char *model, *network, *norm, *device, *precision, *type;
    int64_t batch, side;
    bool flip, profile;
    struct common_options common;
};

// What is known of an image until its batch has run.
struct waiting {
    char id[RECORD_MAX_NAME];
    size_t length, height, width; // of the id; of the probabilities
};

struct prediction {
    const struct options *options;
    struct sources *samples;
    struct stream_writer *writer;
    struct progress progress;
    struct weight_table table; // until the network is open
    struct backend *backend;
    struct graph *graph;
    struct executor *executor; // NULL: the network is not open yet
    struct inference inference;
    uint8_t *first; // images of the first batch, which comes before the network is open
    struct profile profile;
    struct waiting *waiting;
    size_t count, capacity;
    struct sample_mask mask;
};

// ---- the network

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
static struct graph *open_graph(const struct options *options, const struct weight_table *table,
                                size_t images) {
    const struct layer_name said = graph_name("%s", table->network != NULL ? table->network : "");
    const struct layer_name name =
        options->network != NULL ? model_full_name(options->network, options->norm) : said;
    struct error error;
    if (name.text[0] == 0) {
        die("%s: does not say which network it is of: --network NAME (%s)", options->model,
            model_choices());
    }
    const int64_t side = side_of(options, table);
    const struct model_options model = {
        .images = images, .height = (size_t)side, .width = (size_t)side, .gray = true};
    struct graph *graph = model_build(name.text, GRAPH_PREDICT, &model, &error);
    if (graph == NULL) {
        die("%s", error.text);
    }
    if (!parameters_check(graph, table, "", TAKE_NEEDED, &error)) {
        die("%s: %s", options->model, error.text);
    }
    return graph;
}

// What is wrong with the weights is said before the first sample is read.
static void read_network(struct prediction *prediction, const struct options *options) {
    struct error error;
    enum precision precision = PRECISION_F32;
    if (!precision_named(options->precision, &precision)) {
        die_usage("--precision %s", options->precision);
    }
    if (!weights_read_file(options->model, &prediction->table, &error)) {
        die("%s", error.text);
    }
    if (!options->common.quiet) {
        weight_table_say(&prediction->table, options->model);
    }
    prediction->backend =
        backend_open(options->device, precision, (int)options->common.threads, &error);
    if (prediction->backend == NULL) {
        die("%s", error.text);
    }
    prediction->graph = open_graph(options, &prediction->table, prediction->capacity);
    const struct shape in = graph_shape(prediction->graph, 0);
    prediction->first = calloc(in.n, in.h * in.w);
    prediction->waiting = calloc(prediction->capacity, sizeof *prediction->waiting);
    if (prediction->first == NULL || prediction->waiting == NULL) {
        die("no memory");
    }
}

// Opens the network when the first batch is there: for its images alone where these are all.
static void open_network(struct prediction *prediction) {
    struct error error;
    if (prediction->count < prediction->capacity) {
        prediction->capacity = prediction->count;
        graph_free(prediction->graph);
        prediction->graph =
            open_graph(prediction->options, &prediction->table, prediction->capacity);
    }
    prediction->executor = executor_new(prediction->graph, prediction->backend, &error);
    if (prediction->executor == NULL ||
        !inference_open(&prediction->inference, prediction->backend, prediction->graph,
                        prediction->executor, prediction->options->flip, &error) ||
        !parameters_take(prediction->backend, prediction->graph, prediction->executor,
                         &prediction->table, "", TAKE_NEEDED, &error)) {
        die("%s", error.text);
    }
    weight_table_free(&prediction->table);
    memcpy(prediction->inference.images, prediction->first, shape_count(prediction->inference.in));
}

// ---- samples

// Numbers become halves where they lie: those of a block come out before the ones behind it are
// read.
static void make_halves(float *numbers, size_t count) {
    enum { BLOCK = 1024 };
    uint16_t fp16[BLOCK];
    for (size_t i = 0; i < count; i += BLOCK) {
        const size_t chunk = count - i < BLOCK ? count - i : BLOCK;
        fp16_write(fp16, numbers + i, chunk);
        memcpy((uint16_t *)(void *)numbers + i, fp16, chunk * sizeof *fp16);
    }
}

static void write_prediction(struct prediction *prediction, size_t i) {
    const struct waiting *waiting = &prediction->waiting[i];
    const struct text id = {waiting->id, waiting->length};
    float *probability = NULL;
    struct error error;
    if (!inference_probability(&prediction->inference, i, waiting->height, waiting->width,
                               &probability, &error)) {
        die("%.*s: %s", TEXT_ARG(id), error.text);
    }
    struct tensor tensor = tensor_plane(DTYPE_F4, waiting->height, waiting->width, probability);
    if (!tensor_finite(&tensor)) {
        die("%.*s: the network's answer is not a number", TEXT_ARG(id));
    }
    if (strcmp(prediction->options->type, "f2") == 0) {
        make_halves(probability, waiting->height * waiting->width);
        tensor = tensor_plane(DTYPE_F2, waiting->height, waiting->width, probability);
    }
    const struct field field = {text_of("probability"), value_tensor(&tensor)};
    const struct record record = {id, 1, &field};
    stream_write(prediction->writer, &record);
    progress_step(&prediction->progress);
}

static void run_batch(struct prediction *prediction) {
    const size_t count = prediction->count;
    struct error error;
    if (prediction->executor == NULL) {
        open_network(prediction);
    }
    if (!inference_run(&prediction->inference, prediction->inference.images, &error)) {
        die("%s", error.text);
    }
    for (size_t i = 0; i < count; i++) {
        write_prediction(prediction, i);
    }
    prediction->count = 0;
}

// The sample's image at the network's size, and the size of what is to come out.
static bool add_sample(struct prediction *prediction, const struct record *sample,
                       struct error *error) {
    const struct shape in = graph_shape(prediction->graph, 0);
    struct waiting *waiting = &prediction->waiting[prediction->count];
    uint8_t *images =
        prediction->executor != NULL ? prediction->inference.images : prediction->first;
    struct image image = {images + prediction->count * in.h * in.w, in.h, in.w};
    struct image_view view;
    if (!sample_image(sample, &view, error) ||
        !sample_mask_read(&prediction->mask, sample, error)) {
        return false;
    }
    if (view.height == in.h && view.width == in.w) {
        memcpy(image.pixels, view.pixels, in.h * in.w);
    } else if (!resize_bilinear(&image, &view, error)) {
        return false;
    }
    waiting->length = sample->id.length;
    waiting->height = prediction->mask.height;
    waiting->width = prediction->mask.width;
    memcpy(waiting->id, sample->id.bytes, sample->id.length);
    prediction->count++;
    return true;
}

static void predict(const struct options *options, const struct operands *operands) {
    struct prediction prediction = {.options = options,
                                    .capacity = (size_t)options->batch,
                                    .mask = {.max_pixels = options->common.max_pixels}};
    struct sources samples;
    struct record record;
    struct error error;
    struct output *output = output_open(options->common.output, OUTPUT_BYTES);
    read_network(&prediction, options);
    sources_open(&samples, operands->items, (size_t)operands->count, KIND_SAMPLES,
                 options->common.max_record);
    struct history history = samples.history;
    history_add(&history, text_of(operands->history));
    prediction.writer = stream_create(output, KIND_PROBABILITIES, &history);
    prediction.progress = progress_start("images", 0, options->common.quiet);
    prediction.backend->profile = options->profile ? &prediction.profile : NULL;
    while (sources_read(&samples, &record)) {
        if (!add_sample(&prediction, &record, &error)) {
            sources_die(&samples, &error);
        }
        if (prediction.count == prediction.capacity) {
            run_batch(&prediction);
        }
    }
    if (prediction.count > 0) {
        run_batch(&prediction);
    }
    progress_end(&prediction.progress);
    if (options->profile) {
        profile_print(&prediction.profile, stderr);
    }
    stream_finish(prediction.writer);
    output_close(output);
    sources_close(&samples);
    if (prediction.executor != NULL) {
        inference_close(&prediction.inference);
        executor_free(prediction.executor);
    }
    weight_table_free(&prediction.table);
    free(prediction.first);
    graph_free(prediction.graph);
    backend_close(prediction.backend);
    sample_mask_free(&prediction.mask);
    free(prediction.waiting);
}

int main(int argc, char **argv) {
    struct options options = {.device = "auto",
                              .precision = "f32",
                              .type = "f2",
                              .batch = 4,
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"model", 'm', OPTION_FILE, &options.model, "FILE",
         "the weights: a checkpoint, .safetensors or .pth", 0, 0, OPTION_RECORDED},
        {"network", 'n', OPTION_CHOICE, &options.network, model_choices(),
         "the weights' network (default: as the checkpoint says)", 0, 0, OPTION_RECORDED},
        {"norm", 0, OPTION_CHOICE, &options.norm, MODEL_NORMS,
         "what the network of --network is normalised by (default: bn)", 0, 0, OPTION_RECORDED},
        {"side", 0, OPTION_INTEGER, &options.side, "N",
         "of the images in the network (default: as in training; else 768)", MODEL_SIDE_STEP,
         MODEL_MAX_SIDE, OPTION_RECORDED},
        {"flip", 'f', OPTION_FLAG, &options.flip, NULL,
         "average with the prediction for the mirrored image", 0, 0, OPTION_RECORDED},
        {"type", 0, OPTION_CHOICE, &options.type, "f2|f4", "of the probabilities", 0, 0,
         OPTION_RECORDED},
        {"batch", 'b', OPTION_INTEGER, &options.batch, "N", "images at once", 1, 4096,
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
        .usage = "[OPTION]... --model FILE [SOURCE]...",
        .description =
            "Reads samples from the SOURCEs: shard folders (see shard), in the index's order, "
            "stream "
            "files, or stdin when none is named, or for '-'. Writes "
            "`probability`, at each image's own size: `size` where augment has resized, else the "
            "image's. Images of another size than the network's are resized for it.\n\n"
            "The probability is the sigmoid of the main head, brought to size between the logits "
            "(bilinear, half-pixel centres).",
        .examples = "decode xray.dcm | predict-fold --model best.mpk | rle-encode\n"
                    "predict-fold -m best.mpk shards/ | zstd >fold0.mpk.zst",
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
