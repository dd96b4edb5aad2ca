// learn: a short training run on made-up X-rays, on any device. One JSON line: the losses, and a
// checksum of the parameters at the end.
#include "network.h"

#include "core/numbers/random.h"
#include "image/resize.h"
#include "phantom/phantom.h"
#include "train/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DECAY 1e-4
enum { CASES = 16 };

struct options {
    struct network_choice choice;
    int64_t iterations, seed;
    double rate;
};

// What is learned: images of side x side with their masks, every second with a lesion.
struct lesson {
    size_t side, mask_side;
    uint8_t *images, *masks;
};

static void draw_case(const struct lesson *lesson, size_t i) {
    const struct lesion_style style = {.area = 0.06F, .contrast = 1};
    const size_t pixels = lesson->mask_side * lesson->mask_side;
    uint8_t *mask = lesson->masks + i * pixels;
    struct phantom phantom;
    struct error error;
    struct image image = {lesson->images + i * lesson->side * lesson->side, lesson->side,
                          lesson->side};
    if (!phantom_draw(&phantom, 1, i, lesson->mask_side, i % 2 == 0 ? &style : NULL, &error)) {
        die("%s", error.text);
    }
    const struct image_view whole = image_view_of(&phantom.image);
    if (!resize_bilinear(&image, &whole, &error)) {
        die("%s", error.text);
    }
    for (size_t k = 0; k < phantom.lesion_count; k++) {
        for (size_t pixel = 0; pixel < pixels; pixel++) {
            mask[pixel] |= phantom.lesions[k].pixels[pixel];
        }
    }
    phantom_free(&phantom);
}

static void fill(struct batch *batch, const struct lesson *lesson, int64_t seed,
                 int64_t iteration) {
    const size_t image = lesson->side * lesson->side;
    const size_t mask = lesson->mask_side * lesson->mask_side;
    struct random random = random_seed((uint64_t)seed, (uint64_t)iteration, 0);
    for (size_t i = 0; i < batch->count; i++) {
        const size_t drawn = (size_t)(random_next(&random) % CASES);
        memcpy(batch->images + i * image, lesson->images + drawn * image, image);
        memcpy(batch->masks + i * mask, lesson->masks + drawn * mask, mask);
    }
}

// FNV-1a of all parameters' bytes.
static uint64_t checksum(struct backend *backend, struct executor *executor) {
    const size_t bytes = executor_value_count(executor) * sizeof(float);
    unsigned char *values = need(bytes, 1);
    uint64_t hash = 0xCBF29CE484222325u;
    backend->calls->get(backend, values, executor_values(executor), bytes);
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ values[i]) * 0x100000001B3u;
    }
    free(values);
    return hash;
}

static void learn(const struct options *options, const struct lesson *lesson,
                  struct optimizer *optimizer) {
    struct batch batch = open_batch(&options->choice);
    struct step_runner runner;
    struct loss_sums loss;
    struct error error;
    const struct loss_options losses = loss_options_usual();
    if (!step_open(&runner, optimizer, &batch, &losses, &error)) {
        die("%s", error.text);
    }
    const struct schedule schedule = schedule_usual();
    fill(&batch, lesson, options->seed, 0);
    step_send(&runner, &batch);
    for (int64_t i = 0; i < options->iterations; i++) {
        const uint64_t seed = (uint64_t)(options->seed * 1000003 + i);
        if ((i + 1) % options->choice.accumulate == 0) {
            step_start_update(&runner, seed,
                              schedule_rate(&schedule, i, options->iterations, options->rate, 0),
                              DECAY);
        } else {
            step_start(&runner, seed);
        }
        fill(&batch, lesson, options->seed, i + 1);
        step_send(&runner, &batch);
        if (!step_finish(&runner, &loss, &error)) {
            die("%s", error.text);
        }
        (void)printf("%s%.9g", i == 0 ? "" : ",", loss.total);
    }
    step_close(&runner);
    close_batch(&batch);
}

static void run(const struct options *options, const struct lesson *lesson) {
    const struct network_choice *choice = &options->choice;
    struct error error;
    struct optimizer_options rule = optimizer_options_usual();
    struct optimizer optimizer;
    struct backend *backend = open_device(choice);
    struct graph *graph = open_graph(choice, backend, true);
    struct executor *executor = open_network(choice, backend, graph, (uint64_t)options->seed);
    rule.accumulate = options->choice.accumulate;
    if (!optimizer_open(&optimizer, &rule, backend, graph, executor, &error)) {
        die("%s", error.text);
    }
    (void)printf("{\"network\":\"%s\",\"device\":\"%s\",\"precision\":\"%s\",\"seed\":%" PRId64
                 ",\"losses\":[",
                 choice->name, choice->device, choice->precision, options->seed);
    learn(options, lesson, &optimizer);
    (void)printf("],\"parameters\":\"%016" PRIx64 "\"}\n", checksum(backend, executor));
    optimizer_close(&optimizer);
    executor_free(executor);
    graph_free(graph);
    backend_close(backend);
}

static void read_options(struct options *options, int argc, char **argv) {
    const struct option_row rows[] = {
        NETWORK_ROWS(&options->choice, 2, 64),
        {"iterations", 'i', OPTION_INTEGER, &options->iterations, "N", "default: 200", 0, 100000,
         OPTION_SILENT},
        {"seed", 0, OPTION_INTEGER, &options->seed, "N", "default: 1", 0, 1000000, OPTION_SILENT},
        {"rate", 0, OPTION_NUMBER, &options->rate, "X", "default: 0.001", 0, 1, OPTION_SILENT},
    };
    const struct program program = {.name = "learn",
                                    .summary = "a short training run on made-up X-rays",
                                    .usage = "[OPTION]...",
                                    .description = "Prints one JSON line.",
                                    .examples = "learn --device cuda --precision bf16",
                                    .options = rows,
                                    .option_count = COUNT_OF(rows),
                                    .common = &options->choice.common,
                                    .common_options = COMMON_THREADS};
    (void)cli_parse(&program, argc, argv);
}

int main(int argc, char **argv) {
    backend_prepare(argv);
    struct options options = {.choice = {.name = "unet-resnet18",
                                         .device = "cuda",
                                         .precision = "f32",
                                         .batch = 6,
                                         .side = 192,
                                         .accumulate = 1,
                                         .common = cli_common_defaults()},
                              .iterations = 200,
                              .seed = 1,
                              .rate = 1e-3};
    read_options(&options, argc, argv);
    struct lesson lesson = {.side = (size_t)options.choice.side,
                            .mask_side = mask_side_of(&options.choice)};
    lesson.images = need(CASES, lesson.side * lesson.side);
    lesson.masks = need(CASES, lesson.mask_side * lesson.mask_side);
    for (size_t i = 0; i < CASES; i++) {
        draw_case(&lesson, i);
    }
    run(&options, &lesson);
    free(lesson.images);
    free(lesson.masks);
    return 0;
}
