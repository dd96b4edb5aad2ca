// Batches of samples to probabilities.
#include "program/predict/predictor.h"

#include "challenge/ensemble.h"
#include "core/array.h"
#include "core/numbers/fp16.h"
#include "core/numbers/size.h"
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
    network->graph = options->build(options->context, network->model, network->side,
                                    inference_together(predictor->backend, predictor->capacity));
}

// The networks of a model.
static struct sized_network *networks_of(const struct predictor *predictor, size_t model) {
    return &predictor->networks[model * predictor->options->side_count];
}

void predictor_open(struct predictor *predictor) {
    const struct predictor_options *options = predictor->options;
    const size_t count = options->model_count * options->side_count;
    predictor->capacity = options->batch;
    predictor->network_count = count;
    predictor->waiting = calloc(predictor->capacity, sizeof *predictor->waiting);
    predictor->networks = calloc(count, sizeof *predictor->networks);
    predictor->maps = calloc(count, sizeof *predictor->maps);
    predictor->inputs = calloc(count, sizeof *predictor->inputs);
    predictor->weights = calloc(count, sizeof *predictor->weights);
    if (predictor->waiting == NULL || predictor->networks == NULL || predictor->maps == NULL ||
        predictor->inputs == NULL || predictor->weights == NULL) {
        die("no memory");
    }
    for (size_t k = 0; k < count; k++) {
        struct sized_network *network = &predictor->networks[k];
        network->model = k / options->side_count;
        network->side = options->sides[k % options->side_count];
        predictor->inputs[k] = &predictor->maps[k];
        predictor->weights[k] = 1;
        make_graph(predictor, network);
        const struct shape in = graph_shape(network->graph, 0);
        network->first = network->model == 0 ? calloc(predictor->capacity, in.h * in.w) : NULL;
        if (network->model == 0 && network->first == NULL) {
            die("no memory");
        }
    }
}

// A model's network of the largest size.
static struct sized_network *largest_network(const struct predictor *predictor, size_t model) {
    struct sized_network *networks = networks_of(predictor, model);
    struct sized_network *largest = networks;
    for (size_t k = 1; k < predictor->options->side_count; k++) {
        if (networks[k].side > largest->side) {
            largest = &networks[k];
        }
    }
    return largest;
}

// `host`: an open one, whose memory it takes, with its parameters where it is of the same model;
// NULL: it gets its own.
static void open_network(struct predictor *predictor, struct sized_network *network,
                         struct sized_network *host) {
    const enum parameter_owner owner =
        host != NULL && host->model == network->model ? HOSTS_PARAMETERS : OWN_PARAMETERS;
    struct error error;
    if (graph_shape(network->graph, 0).n !=
        inference_together(predictor->backend, predictor->capacity)) {
        make_graph(predictor, network);
    }
    network->executor = host == NULL
                            ? executor_new(network->graph, predictor->backend, &error)
                            : executor_new_within(host->executor, network->graph, owner, &error);
    if (network->executor == NULL ||
        !inference_open(&network->inference, predictor->backend, network->graph, network->executor,
                        predictor->capacity, predictor->options->flip, predictor->network_count > 1,
                        &error)) {
        die("%s", error.text);
    }
    if (network->first != NULL) {
        const struct shape in = network->inference.in;
        memcpy(network->inference.images, network->first, predictor->capacity * in.h * in.w);
    }
}

// Gives a model's networks, which are open, their parameters.
static void settle(struct predictor *predictor, size_t model, struct sized_network *largest) {
    struct executor *others[MAX_SCALES];
    size_t count = 0;
    struct error error;
    for (size_t k = 0; k < predictor->options->side_count; k++) {
        if (&networks_of(predictor, model)[k] != largest) {
            others[count++] = networks_of(predictor, model)[k].executor;
        }
    }
    if (!parameters_settle(predictor->backend, largest->graph, largest->executor, others, count,
                           &predictor->tables[model], &error)) {
        die("%s", error.text);
    }
    weight_table_free(&predictor->tables[model]);
}

// Opens all for batches of `images`. The memory of the first model's largest one serves the others.
static void open_networks(struct predictor *predictor, size_t images) {
    predictor->capacity = images;
    for (size_t model = 0; model < predictor->options->model_count; model++) {
        struct sized_network *largest = largest_network(predictor, model);
        open_network(predictor, largest, model > 0 ? largest_network(predictor, 0) : NULL);
        for (size_t k = 0; k < predictor->options->side_count; k++) {
            if (&networks_of(predictor, model)[k] != largest) {
                open_network(predictor, &networks_of(predictor, model)[k], largest);
            }
        }
        settle(predictor, model, largest);
    }
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
}

void predictor_close(struct predictor *predictor) {
    const size_t sides = predictor->options->side_count;
    for (size_t model = predictor->options->model_count; model-- > 0;) {
        struct sized_network *largest = largest_network(predictor, model);
        for (size_t k = 0; k < sides; k++) {
            if (&networks_of(predictor, model)[k] != largest) {
                close_network(&networks_of(predictor, model)[k]);
            }
        }
        close_network(largest);
    }
    for (size_t i = 0; i < predictor->options->model_count * sides; i++) {
        free(predictor->networks[i].first);
        graph_free(predictor->networks[i].graph);
    }
    sample_mask_free(&predictor->mask);
    free(predictor->waiting);
    free(predictor->networks);
    free(predictor->maps);
    free(predictor->inputs);
    free(predictor->weights);
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
static const void *mean_of_maps(struct predictor *predictor, enum dtype type) {
    float *mean = array_grow(predictor->mean, &predictor->mean_capacity,
                             predictor->maps->bytes / sizeof *mean + 1, sizeof *mean);
    if (mean == NULL) {
        die("no memory");
    }
    predictor->mean = mean;
    ensemble_mean(predictor->inputs, predictor->weights, predictor->network_count, type, mean);
    return mean;
}

// Writes the prediction of the batch's image `first` + i, which is the last run's image i.
static void write_prediction(struct predictor *predictor, size_t first, size_t i) {
    const struct waiting *waiting = &predictor->waiting[first + i];
    const struct text id = {waiting->id, waiting->length};
    const enum dtype type = predictor->options->type;
    float *probability = NULL;
    struct error error;
    size_t k = 0; // there is one network at least
    do {
        struct tensor *map = &predictor->maps[k];
        if (!inference_probability(&predictor->networks[k].inference, i, waiting->height,
                                   waiting->width, &probability, &error)) {
            die("%.*s: %s", TEXT_ARG(id), error.text);
        }
        *map = tensor_plane(DTYPE_F4, waiting->height, waiting->width, probability);
        if (!tensor_finite(map)) {
            die("%.*s: the network's answer is not a number", TEXT_ARG(id));
        }
    } while (++k < predictor->network_count);
    const void *numbers = probability;
    if (predictor->network_count > 1) {
        numbers = mean_of_maps(predictor, type);
    } else if (type == DTYPE_F2) {
        make_halves(probability, waiting->height * waiting->width);
    }
    const struct tensor tensor = tensor_plane(type, waiting->height, waiting->width, numbers);
    const struct field field = {text_of("probability"), value_tensor(&tensor)};
    const struct record record = {id, 1, &field};
    stream_write(predictor->writer, &record);
    progress_step(predictor->progress);
}

// Runs all networks on the batch's images from `first` on, as many as they take.
static void run_networks(struct predictor *predictor, size_t first) {
    const size_t sides = predictor->options->side_count;
    struct error error;
    for (size_t k = 0; k < predictor->network_count; k++) {
        // All models see the first one's images.
        const struct inference *seen = &predictor->networks[k % sides].inference;
        if (!inference_run(&predictor->networks[k].inference,
                           seen->images + first * seen->in.h * seen->in.w, &error)) {
            die("%s", error.text);
        }
    }
}

// The last run may repeat images of the one before: networks take no fewer.
static void run_batch(struct predictor *predictor, bool last) {
    const size_t count = predictor->count;
    if (predictor->networks[0].executor == NULL) {
        open_networks(predictor, last ? count : predictor->capacity);
    }
    const size_t together = predictor->networks[0].inference.in.n;
    for (size_t written = 0; written < count; written += together) {
        const size_t first = size_min(written, predictor->capacity - together);
        run_networks(predictor, first);
        for (size_t i = written - first; i < together && first + i < count; i++) {
            write_prediction(predictor, first, i);
        }
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
