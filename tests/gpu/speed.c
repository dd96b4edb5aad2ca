// speed: times a network on a device as train-fold and predict-fold run it, beside the least time
// that its arithmetic and its traffic with memory come to at given rates. One JSON line; or in
// turns with others (tests/bench/turns.c).
#include "network.h"

#include "core/numbers/random.h"
#include "core/numbers/size.h"
#include "core/version.h"
#include "nn/cost/roofline.h"
#include "nn/profile.h"
#include "train/inference.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WARM = 4, MAX_REPEATS = 1000 };
#define RATE 5e-4
#define DECAY 1e-4
#define UPDATE_BYTES 32 // a parameter: values, means, variances, gradients, read and written

struct options {
    struct network_choice choice;
    const char *task;
    int64_t repeat, resize; // resize: the side of the probabilities; 0: only logits are made
    bool turns, profile;
    double tera_flop, tera_bytes; // a second
    bool bound;
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

static double time_once(void (*work)(void *context), void *context) {
    const double start = now();
    work(context);
    return now() - start;
}

// Does the work once for each line of stdin.
static void take_turns(void (*work)(void *context), void *context) {
    int byte = 0;
    work(context);
    work(context);
    (void)puts("ready");
    (void)fflush(stdout);
    while ((byte = getchar()) != EOF) {
        if (byte == '\n') {
            (void)printf("%.4f\n", time_once(work, context));
            (void)fflush(stdout);
        }
    }
}

// The median of `repeat` times of work(context), in milliseconds; 0 after turns.
static double time_all(const struct options *options, void (*work)(void *context), void *context) {
    const int64_t repeat = options->repeat;
    double times[MAX_REPEATS] = {0};
    if (options->turns) {
        take_turns(work, context);
        return 0;
    }
    for (int64_t i = -WARM; i < repeat; i++) {
        times[i < 0 ? 0 : i] = time_once(work, context);
    }
    qsort(times, (size_t)repeat, sizeof *times, ascending);
    return (times[(repeat - 1) / 2] + times[repeat / 2]) / 2;
}

// Does the work once more, if asked, and prints on stderr where its time went.
static void print_profile(const struct options *options, struct backend *backend,
                          void (*work)(void *context), void *context) {
    struct profile profile = {.count = 0};
    if (options->profile) {
        backend->profile = &profile;
        work(context);
        backend->profile = NULL;
        profile_print(&profile, stderr);
    }
}

static bool trains(const struct options *options) {
    return strcmp(options->task, "train") == 0;
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
    struct loss_sums loss = {0};
    for (int64_t i = 1; i <= training->options->choice.accumulate; i++) {
        if (i == training->options->choice.accumulate) {
            step_start_update(&training->runner, training->seed++, RATE, DECAY);
        } else {
            step_start(&training->runner, training->seed++);
        }
        step_send(&training->runner, &training->batch);
        if (!step_finish(&training->runner, &loss, &error)) {
            die("%s", error.text);
        }
    }
    if (!(loss.total > 0)) {
        die("the loss is %g", loss.total);
    }
}

static double measure_training(const struct options *options, struct backend *backend,
                               struct graph *graph, struct executor *executor, size_t *left) {
    struct training training = {.options = options, .batch = open_batch(&options->choice)};
    const struct loss_options losses = loss_options_usual();
    struct optimizer_options rule = optimizer_options_usual();
    struct optimizer optimizer;
    struct error error;
    fill_noise(training.batch.images,
               training.batch.count * training.batch.height * training.batch.width);
    fill_masks(&training.batch);
    rule.accumulate = options->choice.accumulate;
    if (!optimizer_open(&optimizer, &rule, backend, graph, executor, &error) ||
        !step_open(&training.runner, &optimizer, &training.batch, &losses, &error)) {
        die("%s", error.text);
    }
    step_send(&training.runner, &training.batch);
    const double ms = time_all(options, accumulated, &training);
    print_profile(options, backend, accumulated, &training);
    *left = backend->calls->free_bytes(backend);
    step_close(&training.runner);
    optimizer_close(&optimizer);
    close_batch(&training.batch);
    return ms / (double)options->choice.accumulate;
}

// ---- prediction: with images in and logits out, and the forward pass alone

struct prediction {
    struct inference inference;
    size_t side;        // of the probabilities; 0: logits are enough
    size_t batch, runs; // images; of the network, for them
};

static void predict(void *context) {
    struct prediction *prediction = context;
    struct inference *inference = &prediction->inference;
    const struct shape in = inference->in;
    const size_t side = prediction->side;
    struct error error;
    for (size_t run = 0; run < prediction->runs; run++) {
        // The last one may repeat images of the one before.
        const size_t first = size_min(run * in.n, prediction->batch - in.n);
        bool done = inference_run(inference, inference->images + first * in.h * in.w, &error);
        for (size_t i = 0; done && side > 0 && i < in.n; i++) {
            float *probability = NULL;
            done = inference_probability(inference, i, side, side, &probability, &error);
        }
        if (!done) {
            die("%s", error.text);
        }
    }
}

struct forward {
    struct backend *backend;
    struct executor *executor;
    struct recording *recording;
};

static void queue_forward(void *context) {
    executor_forward(context);
}

static void run_forward(void *context) {
    struct forward *forward = context;
    struct backend *backend = forward->backend;
    struct error error;
    backend->calls->repeat(backend, &forward->recording, queue_forward, forward->executor);
    if (!backend->calls->wait(backend, &error)) {
        die("%s", error.text);
    }
}

static double measure_prediction(const struct options *options, struct backend *backend,
                                 struct graph *graph, struct executor *executor, double *device_ms,
                                 size_t *left) {
    struct prediction prediction = {.side = (size_t)options->resize};
    struct inference *inference = &prediction.inference;
    const size_t batch = (size_t)options->choice.batch;
    struct error error;
    if (!inference_open(inference, backend, graph, executor, batch, false, false, &error)) {
        die("%s", error.text);
    }
    executor_settle(executor);
    prediction.batch = batch;
    prediction.runs = size_divide_up(batch, inference->in.n);
    fill_noise(inference->images, batch * inference->in.h * inference->in.w);
    const double ms = time_all(options, predict, &prediction);
    print_profile(options, backend, predict, &prediction);
    struct forward forward = {backend, executor, NULL};
    *device_ms =
        options->turns ? 0 : (double)prediction.runs * time_all(options, run_forward, &forward);
    *left = backend->calls->free_bytes(backend);
    backend->calls->forget(backend, forward.recording);
    inference_close(inference);
    return ms;
}

static struct measured measure(const struct options *options) {
    struct measured measured = {0, 0, 0};
    size_t left = 0;
    struct backend *backend = open_device(&options->choice);
    struct network_choice choice = options->choice;
    if (!trains(options)) {
        choice.batch = (int64_t)inference_together(backend, (size_t)choice.batch);
    }
    struct graph *graph = open_graph(&choice, backend, trains(options));
    const size_t free_bytes = backend->calls->free_bytes(backend);
    struct executor *executor = open_network(&choice, backend, graph, 1);
    measured.ms = trains(options) ? measure_training(options, backend, graph, executor, &left)
                                  : measure_prediction(options, backend, graph, executor,
                                                       &measured.device_ms, &left);
    measured.taken = free_bytes > left ? free_bytes - left : 0;
    executor_free(executor);
    graph_free(graph);
    backend_close(backend);
    return measured;
}

// ---- the line

static struct roofline bound_of(const struct options *options, struct graph *graph) {
    const struct rates rates = {.flop = 1e12 * options->tera_flop,
                                .bytes = 1e12 * options->tera_bytes};
    struct roofline bound;
    struct error error;
    size_t learned = 0;
    size_t decaying = 0;
    if (!graph_roofline(graph, precision_of(&options->choice), &rates, &bound, &error)) {
        die("%s", error.text);
    }
    if (trains(options)) {
        (void)graph_lay_out(graph, &learned, &decaying);
        const double update = UPDATE_BYTES * (double)learned / (double)options->choice.accumulate;
        bound.bytes += update;
        bound.seconds += update / rates.bytes;
    }
    return bound;
}

static void print(const struct options *options, const struct roofline *bound,
                  const struct measured *measured) {
    const struct network_choice *choice = &options->choice;
    (void)printf(
        "{\"what\":\"%s\",\"who\":\"Pleura " PLEURA_VERSION "\",\"network\":\"%s\",\"task\":\"%s\","
        "\"side\":%lld,\"batch\":%lld,\"precision\":\"%s\",\"gflop\":%.3f,"
        "\"gigabytes\":%.3f,\"tflops\":%g,\"tbs\":%g,\"bound_ms\":%.4f",
        measured != NULL ? "speed" : "bound", choice->name, options->task, (long long)choice->side,
        (long long)choice->batch, choice->precision, bound->flop * 1e-9, bound->bytes * 1e-9,
        options->tera_flop, options->tera_bytes, bound->seconds * 1e3);
    if (measured != NULL) {
        (void)printf(",\"device\":\"%s\",\"repeat\":%lld,\"ms\":%.4f,\"images_per_s\":%.1f",
                     choice->device, (long long)options->repeat, measured->ms,
                     1e3 * (double)choice->batch / measured->ms);
    }
    if (measured != NULL && measured->device_ms > 0) {
        (void)printf(",\"device_ms\":%.4f", measured->device_ms);
    }
    if (measured != NULL && measured->taken > 0) {
        (void)printf(",\"taken_mib\":%zu", measured->taken >> 20);
    }
    (void)puts("}");
}

static void read_options(struct options *options, int argc, char **argv) {
    const struct option_row rows[] = {
        NETWORK_ROWS(&options->choice, 1, 32),
        {"repeat", 0, OPTION_INTEGER, &options->repeat, "N", "measurements (default: 20)", 1,
         MAX_REPEATS, OPTION_SILENT},
        {"tflops", 0, OPTION_NUMBER, &options->tera_flop, "X",
         "arithmetic of the device (default: 790)", 1e-6, 1e6, OPTION_SILENT},
        {"tbs", 0, OPTION_NUMBER, &options->tera_bytes, "X",
         "bytes that it moves, read and written, in TB/s (default: 4.3)", 1e-6, 1e6, OPTION_SILENT},
        {"resize", 0, OPTION_INTEGER, &options->resize, "N",
         "with the probabilities, brought to this side as predict-fold does (default: logits)", 1,
         8192, OPTION_SILENT},
        {"turns", 0, OPTION_FLAG, &options->turns, NULL,
         "say when it is ready, then print milliseconds for each line that is read", 0, 0,
         OPTION_SILENT},
        {"profile", 0, OPTION_FLAG, &options->profile, NULL,
         "print on stderr where the time goes, by operation and layer, each waited for", 0, 0,
         OPTION_SILENT},
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
                                    .common = &options->choice.common,
                                    .common_options = COMMON_THREADS,
                                    .min_operands = 1,
                                    .max_operands = 1};
    options->task = cli_parse(&program, argc, argv).items[0];
    if (!trains(options) && strcmp(options->task, "predict") != 0) {
        die_usage("train or predict, not '%s'", options->task);
    }
    if (options->choice.batch == 0) {
        options->choice.batch = trains(options) ? 6 : 16;
    }
}

int main(int argc, char **argv) {
    backend_prepare(argv);
    struct options options = {.choice = {.name = "unet-resnet18",
                                         .device = "cuda",
                                         .precision = "bf16",
                                         .side = 768,
                                         .accumulate = 4,
                                         .common = cli_common_defaults()},
                              .repeat = 20,
                              .tera_flop = 790,
                              .tera_bytes = 4.3};
    read_options(&options, argc, argv);
    struct graph *graph = open_graph(&options.choice, NULL, trains(&options));
    const struct roofline bound = bound_of(&options, graph);
    if (options.bound) {
        print(&options, &bound, NULL);
    } else {
        const struct measured measured = measure(&options);
        if (!options.turns) {
            print(&options, &bound, &measured);
        }
    }
    graph_free(graph);
    return 0;
}
