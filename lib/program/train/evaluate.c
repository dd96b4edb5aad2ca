// Scores on a stream of samples, in constant memory but for a few numbers an image.
#include "program/train/evaluate.h"

#include "core/array.h"
#include "program/die.h"
#include "program/streams/streams.h"
#include "train/batch.h"
#include "train/inference.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct evaluation {
    struct inference inference;
    struct batch batch;
    struct overlap *overlaps;
    size_t count, capacity;
};

static void add_overlap(struct evaluation *evaluation, const float *logits, const uint8_t *mask,
                        size_t pixels) {
    struct overlap overlap = {.pixels = pixels};
    evaluation->overlaps = array_grow(evaluation->overlaps, &evaluation->capacity,
                                      evaluation->count + 1, sizeof *evaluation->overlaps);
    if (evaluation->overlaps == NULL) {
        die("no memory");
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
    const size_t pixels = batch->mask_height * batch->mask_width;
    struct error error;
    if (!inference_run(&evaluation->inference, batch->images, &error)) {
        die("%s", error.text);
    }
    for (size_t i = 0; i < batch->count; i++) {
        const float *logits = NULL;
        if (!inference_logits(&evaluation->inference, i, batch->mask_height, batch->mask_width,
                              &logits, &error)) {
            die("%s", error.text);
        }
        add_overlap(evaluation, logits, batch->masks + i * pixels, pixels);
    }
    batch->count = 0;
}

static void open_batch(struct batch *batch, struct shape in, struct stream_reader *reader,
                       const struct record *record) {
    struct error error;
    if (!batch_open(batch, in.n, record, true, &error)) {
        stream_die(reader, &error);
    }
    if (batch->height != in.h || batch->width != in.w) {
        (void)fail(&error, "images of %zu x %zu, and the network takes %zu x %zu", batch->height,
                   batch->width, in.h, in.w);
        stream_die(reader, &error);
    }
}

void evaluate_check(const struct graph *graph, const char *path, size_t max_record) {
    struct stat status;
    struct batch batch = {.capacity = 0};
    struct record record;
    struct error error;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        return;
    }
    struct stream_reader *reader = stream_open_or_die(path, KIND_SAMPLES, max_record);
    while (stream_read(reader, &record)) {
        if (batch.capacity == 0) {
            open_batch(&batch, graph_shape(graph, 0), reader, &record);
        }
        batch.count = 0;
        if (!batch_add(&batch, &record, &error)) {
            stream_die(reader, &error);
        }
    }
    if (batch.capacity == 0) {
        die("%s: no samples to validate with", path);
    }
    stream_close(reader);
    batch_free(&batch);
}

struct scores evaluate(struct backend *backend, const struct graph *graph,
                       struct executor *executor, const char *path, size_t max_record) {
    struct evaluation evaluation = {.count = 0};
    struct stream_reader *reader = stream_open_or_die(path, KIND_SAMPLES, max_record);
    struct record record;
    struct error error;
    if (!inference_open(&evaluation.inference, backend, graph, executor, graph_shape(graph, 0).n,
                        false, false, &error)) {
        die("%s", error.text);
    }
    while (stream_read(reader, &record)) {
        if (evaluation.batch.capacity == 0) {
            open_batch(&evaluation.batch, evaluation.inference.in, reader, &record);
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
    const struct scores scores = score_images(evaluation.overlaps, evaluation.count, 1);
    stream_close(reader);
    inference_close(&evaluation.inference);
    batch_free(&evaluation.batch);
    free(evaluation.overlaps);
    return scores;
}
