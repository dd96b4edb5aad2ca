// Batches of samples to probabilities.
#include "program/predict/predictor.h"

#include "challenge/ensemble.h"
#include "core/array.h"
#include "core/numbers/fp16.h"
#include "image/resize.h"
#include "program/die.h"
#include "stream/statistics.h"
#include "train/checkpoint/parameters.h"

#include <stdlib.h>
#include <string.h>

// What is known of an image until its batch has run.
struct waiting {
    char id[RECORD_MAX_NAME];
    size_t length, height, width; // of the id; of the probabilities
};

// ---- networks

static void make_graph(const struct predictor *predictor, struct sized_network *network) {
    const struct predictor_options *options = predictor->options;
    graph_free(network->graph);
    network->graph = options->build(options->context, network->side, predictor->capacity);
}

void predictor_open(struct predictor *predictor) {
    const struct predictor_options *options = predictor->options;
    predictor->capacity = options->batch;
    predictor->waiting = calloc(predictor->capacity, sizeof *predictor->waiting);
    bool whole = predictor->waiting != NULL;
    for (size_t k = 0; k < options->side_count; k++) {
        struct sized_network *network = &predictor->networks[k];
        network->side = options->sides[k];
        make_graph(predictor, network);
        const struct shape in = graph_shape(network->graph, 0);
        network->first = calloc(in.n, in.h * in.w);
        whole = whole && network->first != NULL;
    }
    if (!whole) {
        die("no memory");
    }
}

static struct sized_network *largest_network(struct predictor *predictor) {
    struct sized_network *largest = &predictor->networks[0];
    for (size_t k = 1; k < predictor->options->side_count; k++) {
        if (predictor->networks[k].side > largest->side) {
            largest = &predictor->networks[k];
        }
    }
    return largest;
}

// `host`: an open one, whose memory and parameters it takes; NULL: it gets its own.
static void open_network(struct predictor *predictor, struct sized_network *network,
                         struct sized_network *host) {
    struct error error;
    if (graph_shape(network->graph, 0).n != predictor->capacity) {
        make_graph(predictor, network);
    }
    network->executor = host == NULL ? executor_new(network->graph, predictor->backend, &error)
                                     : executor_new_within(host->executor, network->graph, &error);
    if (network->executor == NULL ||
        !inference_open(&network->inference, predictor->backend, network->graph, network->executor,
                        predictor->options->flip, &error) ||
        (host == NULL && !parameters_take(predictor->backend, network->graph, network->executor,
                                          predictor->table, "", TAKE_NEEDED, &error))) {
        die("%s", error.text);
    }
    memcpy(network->inference.images, network->first, shape_count(network->inference.in));
}

// Opens all for batches of `images`. The largest one's memory serves the others.
static void open_networks(struct predictor *predictor, size_t images) {
    struct sized_network *largest = largest_network(predictor);
    predictor->capacity = images;
    open_network(predictor, largest, NULL);
    for (size_t k = 0; k < predictor->options->side_count; k++) {
        if (&predictor->networks[k] != largest) {
            open_network(predictor, &predictor->networks[k], largest);
        }
    }
    weight_table_free(predictor->table);
}

void predictor_prepare(struct predictor *predictor) {
    if (predictor->capacity == 1) {
        open_networks(predictor, 1);
    }
}

static void close_network(struct sized_network *network) {
    if (network->executor != NULL) {
        inference_close(&network->inference);
        executor_free(network->executor);
    }
    free(network->first);
    graph_free(network->graph);
}

void predictor_close(struct predictor *predictor) {
    struct sized_network *largest = largest_network(predictor);
    for (size_t k = 0; k < predictor->options->side_count; k++) {
        if (&predictor->networks[k] != largest) {
            close_network(&predictor->networks[k]);
        }
    }
    close_network(largest);
    sample_mask_free(&predictor->mask);
    free(predictor->waiting);
    free(predictor->mean);
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

// The mean of several networks' maps, as merge makes it: summed in double, in their order, rounded
// once.
static const void *mean_of(struct predictor *predictor, const struct tensor *maps,
                           enum dtype type) {
    const struct tensor *inputs[MAX_SCALES];
    double weights[MAX_SCALES];
    for (size_t k = 0; k < predictor->options->side_count; k++) {
        inputs[k] = &maps[k];
        weights[k] = 1;
    }
    float *mean = array_grow(predictor->mean, &predictor->mean_capacity,
                             maps->bytes / sizeof *mean + 1, sizeof *mean);
    if (mean == NULL) {
        die("no memory");
    }
    predictor->mean = mean;
    ensemble_mean(inputs, weights, predictor->options->side_count, type, mean);
    return mean;
}

static void write_prediction(struct predictor *predictor, size_t i) {
    const struct waiting *waiting = &predictor->waiting[i];
    const struct text id = {waiting->id, waiting->length};
    const enum dtype type = predictor->options->type;
    struct tensor maps[MAX_SCALES];
    float *probability = NULL;
    struct error error;
    size_t k = 0; // there is one network at least
    do {
        if (!inference_probability(&predictor->networks[k].inference, i, waiting->height,
                                   waiting->width, &probability, &error)) {
            die("%.*s: %s", TEXT_ARG(id), error.text);
        }
        maps[k] = tensor_plane(DTYPE_F4, waiting->height, waiting->width, probability);
        if (!tensor_finite(&maps[k])) {
            die("%.*s: the network's answer is not a number", TEXT_ARG(id));
        }
    } while (++k < predictor->options->side_count);
    const void *numbers = probability;
    if (predictor->options->side_count > 1) {
        numbers = mean_of(predictor, maps, type);
    } else if (type == DTYPE_F2) {
        make_halves(probability, waiting->height * waiting->width);
    }
    const struct tensor tensor = tensor_plane(type, waiting->height, waiting->width, numbers);
    const struct field field = {text_of("probability"), value_tensor(&tensor)};
    const struct record record = {id, 1, &field};
    stream_write(predictor->writer, &record);
    progress_step(predictor->progress);
}

static void run_batch(struct predictor *predictor, bool last) {
    const size_t count = predictor->count;
    struct error error;
    if (predictor->networks[0].executor == NULL) {
        open_networks(predictor, last ? count : predictor->capacity);
    }
    for (size_t k = 0; k < predictor->options->side_count; k++) {
        struct inference *inference = &predictor->networks[k].inference;
        if (!inference_run(inference, inference->images, &error)) {
            die("%s", error.text);
        }
    }
    for (size_t i = 0; i < count; i++) {
        write_prediction(predictor, i);
    }
    predictor->count = 0;
}

// Puts an image into a network's batch, at place i, at the network's size.
static bool add_image(struct sized_network *network, size_t i, const struct image_view *view,
                      struct error *error) {
    const struct shape in = graph_shape(network->graph, 0);
    uint8_t *images = network->executor != NULL ? network->inference.images : network->first;
    struct image image = {images + i * in.h * in.w, in.h, in.w};
    if (view->height == in.h && view->width == in.w) {
        memcpy(image.pixels, view->pixels, in.h * in.w);
        return true;
    }
    return resize_bilinear(&image, view, error);
}

// The sample's image at the networks' sizes, and the size of what is to come out.
static bool add_sample(struct predictor *predictor, const struct record *sample,
                       struct error *error) {
    struct waiting *waiting = &predictor->waiting[predictor->count];
    struct image_view view;
    bool added =
        sample_image(sample, &view, error) && sample_mask_read(&predictor->mask, sample, error);
    for (size_t k = 0; added && k < predictor->options->side_count; k++) {
        added = add_image(&predictor->networks[k], predictor->count, &view, error);
    }
    if (!added) {
        return false;
    }
    waiting->length = sample->id.length;
    waiting->height = predictor->mask.height;
    waiting->width = predictor->mask.width;
    memcpy(waiting->id, sample->id.bytes, sample->id.length);
    predictor->count++;
    return true;
}

void predictor_add(struct predictor *predictor, struct sources *samples,
                   const struct record *sample) {
    struct error error;
    if (!add_sample(predictor, sample, &error)) {
        sources_die(samples, &error);
    }
    if (predictor->count == predictor->capacity || sources_pause(samples)) {
        run_batch(predictor, false);
    }
}

void predictor_flush(struct predictor *predictor) {
    if (predictor->count > 0) {
        run_batch(predictor, true);
    }
}
