// speed: times a network on a device as train-fold and predict-fold run it, beside the least time
// that its arithmetic and its traffic with memory come to at given rates. One JSON line.
#include "core/cli.h"
#include "core/error.h"
#include "core/random.h"
#include "core/version.h"
#include "models/models.h"
#include "nn/bound.h"
#include "train/inference.h"
#include "train/parameters.h"
#include "train/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM = 4, MOST_REPEATS = 1000 };
#define RATE 5e-4
#define DECAY 1e-4
#define UPDATE_BYTES 32 // a parameter: values, means, variances, gradients, read and written

struct options {
    const char *task, *network, *device, *precision;
    int64_t batch, side, accumulate, repeat;
    double tera_flop, tera_bytes; // a second
    bool bound;
    struct common_options common;
};

struct measured {
    double ms, device_ms; // 0: not measured
    size_t taken;         // bytes of the device
};

static double now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

// The median of so many times of work(context), in milliseconds.
static double time_all(int64_t repeat, void (*work)(void *context), void *context) {
    double times[MOST_REPEATS] = {0};
    for (int64_t i = -WARM; i < repeat; i++) {
        const double start = now();
        work(context);
        times[i < 0 ? 0 : i] = now() - start;
    }
    qsort(times, (size_t)repeat, sizeof *times, ascending);
    return (times[(repeat - 1) / 2] + times[repeat / 2]) / 2;
}

static bool trains(const struct options *options) {
    return strcmp(options->task, "train") == 0;
}

static struct graph *open_graph(const struct options *options) {
    const bool train = trains(options);
    const size_t side = (size_t)options->side;
    const size_t out = train ? side * 4 / 3 : 0;
    const struct model_options model = {.images = (size_t)options->batch,
                                        .height = side,
                                        .width = side,
                                        .gray = true,
                                        .out_height = out,
                                        .out_width = out,
                                        .auxiliary = train,
                                        .dropout = 0.1};
    struct error error;
    struct graph *graph =
        model_build(options->network, train ? GRAPH_TRAIN : GRAPH_PREDICT, &model, &error);
    if (graph == NULL) {
        die("%s: %s", options->network, error.text);
    }
    return graph;
}

// ---- what is run: gray noise; masks with a rectangle of lesion

static void fill_noise(uint8_t *images, size_t count) {
    struct random random = random_seed(1, 0, 0);
    for (size_t i = 0; i < count; i++) {
        images[i] = (uint8_t)(random_next(&random) >> 56);
    }
}

static void fill_masks(const struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        for (size_t y = batch->mask_height / 4; y < batch->mask_height / 2; y++) {
            memset(batch->masks + (i * batch->mask_height + y) * batch->mask_width +
                       batch->mask_width / 4,
                   1, batch->mask_width / 4);
        }
    }
}

struct training {
    const struct options *options;
    struct step_runner runner;
    struct batch batch;
    uint64_t seed;
};

// `accumulate` steps as train-fold does them: the next batch is sent while one runs, and each one's
// loss is waited for.
static void accumulated(void *context) {
    struct training *training = context;
    struct error error;
    struct loss_parts parts = {0};
    for (int64_t i = 1; i <= training->options->accumulate; i++) {
        if (i == training->options->accumulate) {
            step_start_update(&training->runner, training->seed++, RATE, DECAY);
        } else {
            step_start(&training->runner, training->seed++);
        }
        step_send(&training->runner, &training->batch);
        if (!step_finish(&training->runner, &parts, &error)) {
            die("%s", error.text);
        }
    }
    if (!(parts.total > 0)) {
        die("the loss is %g", parts.total);
    }
}

static double measure_training(const struct options *options, struct backend *backend,
                               struct graph *graph, struct network *network, size_t *left) {
    const size_t side = (size_t)options->side;
    const size_t mask_side = side * 4 / 3;
    const size_t count = (size_t)options->batch;
    struct training training = {.options = options,
                                .batch = {.capacity = count,
                                          .count = count,
                                          .height = side,
                                          .width = side,
                                          .mask_height = mask_side,
                                          .mask_width = mask_side,
                                          .images = calloc(count, side * side),
                                          .masks = calloc(count, mask_side * mask_side)}};
    struct optimizer optimizer;
    struct error error;
    if (training.batch.images == NULL || training.batch.masks == NULL) {
        die("no memory");
    }
    fill_noise(training.batch.images, count * side * side);
    fill_masks(&training.batch);
    if (!optimizer_open(&optimizer, backend, graph, network, &error) ||
        !step_open(&training.runner, &optimizer, &training.batch, &loss_options_usual,
                   options->accumulate, &error)) {
        die("%s", error.text);
    }
    step_send(&training.runner, &training.batch);
    const double ms = time_all(options->repeat, accumulated, &training);
    *left = backend->calls->room(backend);
    step_close(&training.runner);
    optimizer_close(&optimizer);
    free(training.batch.images);
    free(training.batch.masks);
    return ms / (double)options->accumulate;
}

// ---- prediction: with images in and logits out, and the forward pass alone

static void predict(void *context) {
    struct inference *inference = context;
    struct error error;
    if (!inference_run(inference, inference->images, &error)) {
        die("%s", error.text);
    }
}

struct forward {
    struct backend *backend;
    struct network *network;
    struct recording *recording;
};

static void queue_forward(void *context) {
    network_forward(context);
}

static void run_forward(void *context) {
    struct forward *forward = context;
    struct backend *backend = forward->backend;
    struct error error;
    backend->calls->repeat(backend, &forward->recording, queue_forward, forward->network);
    if (!backend->calls->wait(backend, &error)) {
        die("%s", error.text);
    }
}

static double measure_prediction(const struct options *options, struct backend *backend,
                                 struct graph *graph, struct network *network, double *device_ms,
                                 size_t *left) {
    struct inference inference;
    struct error error;
    if (!inference_open(&inference, backend, graph, network, false, &error)) {
        die("%s", error.text);
    }
    fill_noise(inference.images, shape_count(inference.in));
    const double ms = time_all(options->repeat, predict, &inference);
    struct forward forward = {backend, network, NULL};
    *device_ms = time_all(options->repeat, run_forward, &forward);
    *left = backend->calls->room(backend);
    backend->calls->forget(backend, forward.recording);
    inference_close(&inference);
    return ms;
}

static struct measured measure(const struct options *options, struct graph *graph) {
    struct measured made = {0, 0, 0};
    enum precision precision = PRECISION_F32;
    struct error error;
    size_t left = 0;
    if (!precision_named(options->precision, &precision)) {
        die_usage("--precision %s", options->precision);
    }
    struct backend *backend =
        backend_open(options->device, precision, (int)options->common.threads, &error);
    if (backend == NULL) {
        die("%s", error.text);
    }
    const size_t room = backend->calls->room(backend);
    struct network *network = network_new(graph, backend, &error);
    if (network == NULL) {
        die("%s", error.text);
    }
    parameters_start(backend, graph, network, 1);
    made.ms = trains(options)
                  ? measure_training(options, backend, graph, network, &left)
                  : measure_prediction(options, backend, graph, network, &made.device_ms, &left);
    made.taken = room > left ? room - left : 0;
    network_free(network);
    backend_close(backend);
    return made;
}

// ---- the line

static struct bound bound_of(const struct options *options, struct graph *graph) {
    const struct rates rates = {1e12 * options->tera_flop, 1e12 * options->tera_bytes};
    enum precision precision = PRECISION_F32;
    struct bound bound;
    struct error error;
    size_t learned = 0;
    size_t decaying = 0;
    if (!precision_named(options->precision, &precision) ||
        !graph_bound(graph, precision, &rates, &bound, &error)) {
        die("the bound cannot be found");
    }
    if (trains(options)) {
        (void)graph_lay_out(graph, &learned, &decaying);
        const double update = UPDATE_BYTES * (double)learned / (double)options->accumulate;
        bound.bytes += update;
        bound.seconds += update / rates.bytes;
    }
    return bound;
}

static void print(const struct options *options, const struct bound *bound,
                  const struct measured *made) {
    (void)printf(
        "{\"what\":\"%s\",\"who\":\"Pleura " PLEURA_VERSION "\",\"network\":\"%s\",\"task\":\"%s\","
        "\"side\":%lld,\"batch\":%lld,\"precision\":\"%s\",\"gflop\":%.3f,"
        "\"gigabytes\":%.3f,\"tflops\":%g,\"tbs\":%g,\"bound_ms\":%.4f",
        made != NULL ? "speed" : "bound", options->network, options->task, (long long)options->side,
        (long long)options->batch, options->precision, bound->flop * 1e-9, bound->bytes * 1e-9,
        options->tera_flop, options->tera_bytes, bound->seconds * 1e3);
    if (made != NULL) {
        (void)printf(",\"device\":\"%s\",\"repeat\":%lld,\"ms\":%.4f,\"images_per_s\":%.1f",
                     options->device, (long long)options->repeat, made->ms,
                     1e3 * (double)options->batch / made->ms);
    }
    if (made != NULL && made->device_ms > 0) {
        (void)printf(",\"device_ms\":%.4f", made->device_ms);
    }
    if (made != NULL && made->taken > 0) {
        (void)printf(",\"taken_mib\":%zu", made->taken >> 20);
    }
    (void)puts("}");
}

static void read_options(struct options *options, int argc, char **argv) {
    const struct option_row rows[] = {
        {"network", 'n', OPTION_TEXT, &options->network, "NAME", "default: unet-resnet18", 0, 0,
         OPTION_SILENT},
        {"device", 0, OPTION_TEXT, &options->device, "D", "cpu, cuda (default) or cuda:N", 0, 0,
         OPTION_SILENT},
        {"precision", 0, OPTION_CHOICE, &options->precision, "f32|bf16", "default: bf16", 0, 0,
         OPTION_SILENT},
        {"batch", 'b', OPTION_INTEGER, &options->batch, "N",
         "images (default: 6 to train, 16 to predict)", 1, 4096, OPTION_SILENT},
        {"side", 's', OPTION_INTEGER, &options->side, "N", "of the images (default: 768)", 32, 8192,
         OPTION_SILENT},
        {"accumulate", 0, OPTION_INTEGER, &options->accumulate, "N",
         "steps for each update (default: 4)", 1, 1000, OPTION_SILENT},
        {"repeat", 0, OPTION_INTEGER, &options->repeat, "N", "measurements (default: 20)", 1,
         MOST_REPEATS, OPTION_SILENT},
        {"tflops", 0, OPTION_NUMBER, &options->tera_flop, "X",
         "arithmetic of the device (default: 790)", 1e-6, 1e6, OPTION_SILENT},
        {"tbs", 0, OPTION_NUMBER, &options->tera_bytes, "X",
         "bytes that it moves, read and written, in TB/s (default: 4.3)", 1e-6, 1e6, OPTION_SILENT},
        {"bound", 0, OPTION_FLAG, &options->bound, NULL, "only the bound; nothing is run", 0, 0,
         OPTION_SILENT},
    };
    const struct program program = {.name = "speed",
                                    .summary = "times a network on a device",
                                    .usage = "[OPTION]... train|predict",
                                    .description = "Prints one JSON line.",
                                    .examples = "speed --network bisenet-resnet18 train",
                                    .options = rows,
                                    .option_count = COUNT_OF(rows),
                                    .common = &options->common,
                                    .common_options = COMMON_THREADS,
                                    .operands_least = 1,
                                    .operands_most = 1};
    options->task = cli_parse(&program, argc, argv).at[0];
    if (!trains(options) && strcmp(options->task, "predict") != 0) {
        die_usage("train or predict, not '%s'", options->task);
    }
    if (options->batch == 0) {
        options->batch = trains(options) ? 6 : 16;
    }
}

int main(int argc, char **argv) {
    backend_prepare(argv);
    struct options options = {.network = "unet-resnet18",
                              .device = "cuda",
                              .precision = "bf16",
                              .side = 768,
                              .accumulate = 4,
                              .repeat = 20,
                              .tera_flop = 790,
                              .tera_bytes = 4.3,
                              .common = common_defaults()};
    read_options(&options, argc, argv);
    struct graph *graph = open_graph(&options);
    const struct bound bound = bound_of(&options, graph);
    if (options.bound) {
        print(&options, &bound, NULL);
    } else {
        const struct measured made = measure(&options, graph);
        print(&options, &bound, &made);
    }
    graph_free(graph);
    return 0;
}
