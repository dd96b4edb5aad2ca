// What the programs of the GPU check share: which network is run where, and its opening. What
// fails ends the program.
#ifndef PLEURA_TESTS_GPU_NETWORK_H
#define PLEURA_TESTS_GPU_NETWORK_H

#include "core/error.h"
#include "models/models.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "train/checkpoint/parameters.h"
#include "train/step.h"

#include <stdlib.h>

struct network_choice {
    const char *name, *device, *precision;
    int64_t batch, side, accumulate;
    struct common_options common;
};

// Rows of a program's options.
// clang-format off
#define NETWORK_ROWS(choice, least_batch, least_side)                                              \
    {"network", 'n', OPTION_TEXT, &(choice)->name, "NAME",                                         \
     model_choices(), 0, 0, OPTION_SILENT},                                                        \
    {"device", 0, OPTION_TEXT, &(choice)->device, "D", "cpu, cuda or cuda:N", 0, 0,                \
     OPTION_SILENT},                                                                               \
    {"precision", 0, OPTION_CHOICE, &(choice)->precision, "f32|bf16", "of activations", 0, 0,      \
     OPTION_SILENT},                                                                               \
    {"batch", 'b', OPTION_INTEGER, &(choice)->batch, "N", "images", least_batch, 4096,             \
     OPTION_SILENT},                                                                               \
    {"side", 's', OPTION_INTEGER, &(choice)->side, "N", "of the images", least_side, 8192,         \
     OPTION_SILENT},                                                                               \
    {"accumulate", 0, OPTION_INTEGER, &(choice)->accumulate, "N", "steps for each update", 1,      \
     1000, OPTION_SILENT}
// clang-format on

static inline void *need(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        die("no memory");
    }
    return memory;
}

static inline enum precision precision_of(const struct network_choice *choice) {
    enum precision precision = PRECISION_F32;
    if (!precision_named(choice->precision, &precision)) {
        die_usage("--precision %s", choice->precision);
    }
    return precision;
}

static inline size_t mask_side_of(const struct network_choice *choice) {
    return (size_t)choice->side * 4 / 3;
}

// As the device's training wants it; without one (NULL) all logits are the masks' size, and nothing
// is recomputed for want of memory.
static inline struct graph *open_graph(const struct network_choice *choice,
                                       const struct backend *backend, bool train) {
    const bool sparing = backend != NULL && training_of(backend)->sparing;
    const size_t out = train && !sparing ? mask_side_of(choice) : 0;
    const struct model_options options = {.images = (size_t)choice->batch,
                                          .height = (size_t)choice->side,
                                          .width = (size_t)choice->side,
                                          .gray = true,
                                          .out_height = out,
                                          .out_width = out,
                                          .auxiliary = train,
                                          .dropout = 0.1,
                                          .sparing = sparing};
    struct error error;
    struct graph *graph =
        model_build(choice->name, train ? GRAPH_TRAIN : GRAPH_PREDICT, &options, &error);
    if (graph == NULL) {
        die("%s: %s", choice->name, error.text);
    }
    return graph;
}

static inline struct backend *open_device(const struct network_choice *choice) {
    struct error error;
    struct backend *backend =
        backend_open(choice->device, precision_of(choice), (int)choice->common.threads, &error);
    if (backend == NULL) {
        die("%s", error.text);
    }
    return backend;
}

// Without memory.
static inline struct batch batch_sizes(const struct network_choice *choice) {
    return (struct batch){.capacity = (size_t)choice->batch,
                          .count = (size_t)choice->batch,
                          .height = (size_t)choice->side,
                          .width = (size_t)choice->side,
                          .mask_height = mask_side_of(choice),
                          .mask_width = mask_side_of(choice)};
}

static inline struct batch open_batch(const struct network_choice *choice) {
    struct batch batch = batch_sizes(choice);
    batch.images = need(batch.count, batch.height * batch.width);
    batch.masks = need(batch.count, batch.mask_height * batch.mask_width);
    return batch;
}

// With parameters drawn from `seed`; in training for the usual losses.
static inline struct executor *open_network(const struct network_choice *choice,
                                            struct backend *backend, struct graph *graph,
                                            uint64_t seed) {
    const struct loss_options losses = loss_options_usual();
    const struct batch batch = batch_sizes(choice);
    struct error error;
    if (graph_mode_of(graph) == GRAPH_TRAIN &&
        !step_prepare(graph, backend, &batch, &losses, &error)) {
        die("%s", error.text);
    }
    struct executor *executor = executor_new(graph, backend, &error);
    if (executor == NULL || !parameters_start(backend, graph, executor, seed, &error)) {
        die("%s", error.text);
    }
    return executor;
}

static inline void close_batch(struct batch *batch) {
    free(batch->images);
    free(batch->masks);
}

#endif
