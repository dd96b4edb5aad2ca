// Scores on a stream of samples, in constant memory but for a few numbers an image.
#include "train/evaluate.h"

#include "nn/plane.h"
#include "stream/reader.h"
#include "train/batch.h"

#include <stdlib.h>
#include <string.h>

struct evaluation {
    struct backend *backend;
    struct network *network;
    struct shape in, out; // of the network
    struct batch batch;
    float *logits; // of a batch
    struct plane_resize resize;
    struct overlap *overlaps;
    size_t count, capacity;
};

static void add_overlap(struct evaluation *evaluation, const float *logits, const uint8_t *mask,
                        size_t pixels) {
    struct overlap overlap = {0, 0, 0};
    if (evaluation->count == evaluation->capacity) {
        evaluation->capacity = evaluation->capacity > 0 ? 2 * evaluation->capacity : 256;
        evaluation->overlaps =
            realloc(evaluation->overlaps, evaluation->capacity * sizeof *evaluation->overlaps);
        if (evaluation->overlaps == NULL) {
            die("no memory");
        }
    }
    for (size_t i = 0; i < pixels; i++) {
        const uint64_t found = logits[i] > 0;
        overlap.truth += mask[i];
        overlap.prediction += found;
        overlap.both += found & mask[i];
    }
    evaluation->overlaps[evaluation->count++] = overlap;
}

// Runs the network on what the batch holds.
static void score_batch(struct evaluation *evaluation) {
    struct batch *batch = &evaluation->batch;
    struct backend *backend = evaluation->backend;
    const size_t plane = evaluation->out.h * evaluation->out.w;
    const size_t pixels = batch->mask_height * batch->mask_width;
    backend->calls->put(backend, network_input(evaluation->network), batch->images,
                        batch->capacity * batch->height * batch->width);
    network_forward(evaluation->network, 0);
    backend->calls->get(backend, evaluation->logits, network_output(evaluation->network, 0),
                        batch->capacity * plane * sizeof(float));
    for (size_t i = 0; i < batch->count; i++) {
        const float *large = plane_resize_run(&evaluation->resize, evaluation->logits + i * plane);
        add_overlap(evaluation, large, batch->masks + i * pixels, pixels);
    }
    batch->count = 0;
}

static void open_batch(struct evaluation *evaluation, struct stream_reader *reader,
                       const struct record *record) {
    struct batch *batch = &evaluation->batch;
    const struct shape in = evaluation->in;
    struct error error;
    if (!batch_open(batch, in.n, record, true, &error)) {
        stream_die(reader, &error);
    }
    if (batch->height != in.h || batch->width != in.w) {
        (void)fail(&error, "images of %zu x %zu, and the network takes %zu x %zu", batch->height,
                   batch->width, in.h, in.w);
        stream_die(reader, &error);
    }
    if (!plane_resize_open(&evaluation->resize, evaluation->out.h, evaluation->out.w,
                           batch->mask_height, batch->mask_width, &error)) {
        die("%s", error.text);
    }
}

struct scores evaluate(struct backend *backend, const struct graph *graph, struct network *network,
                       const char *path, size_t max_record) {
    struct evaluation evaluation = {.backend = backend,
                                    .network = network,
                                    .in = graph_shape(graph, 0),
                                    .out = graph_shape(graph, graph_output_at(graph, 0))};
    struct stream_reader *reader = stream_open_or_die(path, KIND_SAMPLES, max_record);
    struct record record;
    struct error error;
    evaluation.logits = malloc(shape_count(evaluation.out) * sizeof(float));
    if (evaluation.logits == NULL) {
        die("no memory");
    }
    while (stream_read(reader, &record)) {
        if (evaluation.batch.capacity == 0) {
            open_batch(&evaluation, reader, &record);
        }
        if (!batch_add(&evaluation.batch, &record, &error)) {
            stream_die(reader, &error);
        }
        if (evaluation.batch.count == evaluation.batch.capacity) {
            score_batch(&evaluation);
        }
    }
    if (evaluation.batch.count > 0) {
        score_batch(&evaluation);
    }
    if (evaluation.count == 0) {
        die("%s: no samples to validate with", path);
    }
    const uint64_t pixels = (uint64_t)evaluation.batch.mask_height * evaluation.batch.mask_width;
    const struct scores scores = score_images(evaluation.overlaps, evaluation.count, pixels, 1);
    stream_close(reader);
    plane_resize_close(&evaluation.resize);
    batch_free(&evaluation.batch);
    free(evaluation.logits);
    free(evaluation.overlaps);
    return scores;
}
