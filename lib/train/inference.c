// Prediction.
#include "train/inference.h"

#include "core/numbers/exponential.h"
#include "core/simd.h"

#include <stdlib.h>
#include <string.h>

#define THREADS_AN_IMAGE 4 // that share out its layers well

size_t inference_together(const struct backend *backend, size_t batch) {
    const size_t wanted = ((size_t)backend->threads + THREADS_AN_IMAGE - 1) / THREADS_AN_IMAGE;
    const bool cpu = backend->kernels == NULL;
    return cpu && wanted < batch ? wanted : batch;
}

// Numbers of one of a network's images.
static size_t numbers_of(struct shape shape) {
    return shape_count(shape) / shape.n;
}

bool inference_open(struct inference *inference, struct backend *backend, const struct graph *graph,
                    struct executor *executor, size_t batch, bool flip, struct error *error) {
    const struct shape in = graph_shape(graph, 0);
    const struct shape out = graph_shape(graph, graph_output_at(graph, 0));
    const size_t logits = batch * numbers_of(out) * sizeof(float);
    const size_t images = batch * numbers_of(in);
    const struct backend_calls *calls = backend->calls;
    *inference = (struct inference){.backend = backend,
                                    .executor = executor,
                                    .in = in,
                                    .out = out,
                                    .batch = batch,
                                    .flip = flip,
                                    .logits = calls->host_alloc(backend, logits),
                                    .images = calls->host_alloc(backend, images)};
    if (flip) {
        inference->mirrored = calls->host_alloc(backend, logits);
        inference->mirrored_images = calls->host_alloc(backend, images);
    }
    if (inference->logits == NULL || inference->images == NULL ||
        (flip && (inference->mirrored == NULL || inference->mirrored_images == NULL))) {
        inference_close(inference);
        return fail(error, "no memory");
    }
    return true;
}

void inference_close(struct inference *inference) {
    float_resize_close(&inference->resize);
    struct backend *backend = inference->backend;
    backend->calls->forget(backend, inference->recording);
    backend->calls->host_release(backend, inference->logits);
    backend->calls->host_release(backend, inference->mirrored);
    backend->calls->host_release(backend, inference->images);
    backend->calls->host_release(backend, inference->mirrored_images);
    free(inference->probability);
    *inference = (struct inference){.logits = NULL};
}

static void queue_forward(void *executor) {
    executor_forward(executor);
}

static bool run_once(struct inference *inference, const uint8_t *images, float *logits,
                     struct error *error) {
    const struct backend_calls *calls = inference->backend->calls;
    calls->put(inference->backend, executor_input(inference->executor), images,
               shape_count(inference->in));
    executor_begin(inference->executor, 0);
    calls->repeat(inference->backend, &inference->recording, queue_forward, inference->executor);
    calls->get(inference->backend, logits, executor_output(inference->executor, 0),
               shape_count(inference->out) * sizeof *logits);
    return calls->wait(inference->backend, error);
}

// The network's last run may repeat images of the one before: it takes no fewer.
static bool run_batch(struct inference *inference, const uint8_t *images, float *logits,
                      struct error *error) {
    const size_t together = inference->in.n;
    const size_t last = inference->batch - together;
    bool done = true;
    for (size_t i = 0; done && i < inference->batch; i += together) {
        const size_t first = i < last ? i : last;
        done = run_once(inference, images + first * numbers_of(inference->in),
                        logits + first * numbers_of(inference->out), error);
    }
    return done;
}

bool inference_run(struct inference *inference, const uint8_t *images, struct error *error) {
    const struct shape in = inference->in;
    if (!run_batch(inference, images, inference->logits, error)) {
        return false;
    }
    if (!inference->flip) {
        return true;
    }
    for (size_t row = 0; row < inference->batch * in.h; row++) {
        for (size_t x = 0; x < in.w; x++) {
            inference->mirrored_images[row * in.w + x] = images[row * in.w + in.w - 1 - x];
        }
    }
    return run_batch(inference, inference->mirrored_images, inference->mirrored, error);
}

static bool resize(struct inference *inference, const float *logits, size_t i, size_t height,
                   size_t width, float **resized, struct error *error) {
    const struct shape out = inference->out;
    if ((inference->resize.down.out != height || inference->resize.along.out != width)) {
        float_resize_close(&inference->resize);
        if (!float_resize_open(&inference->resize, out.h, out.w, height, width,
                               inference->backend->threads, error)) {
            return false;
        }
    }
    *resized = float_resize_run(&inference->resize, logits + i * out.h * out.w);
    return true;
}

bool inference_logits(struct inference *inference, size_t i, size_t height, size_t width,
                      const float **logits, struct error *error) {
    float *resized = NULL;
    const bool done = resize(inference, inference->logits, i, height, width, &resized, error);
    *logits = resized;
    return done;
}

static inline float sigmoid(float z) {
    return sigmoid_of(z, exp_negative(z < 0 ? z : -z));
}

VECTORISED static void sigmoids(float *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = sigmoid(numbers[i]);
    }
}

static void sigmoids_of_rows(float *numbers, size_t height, size_t width, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t y = 0; y < height; y++) {
        sigmoids(numbers + y * width, width);
    }
}

VECTORISED static void add_mirrored(const float *logits, size_t height, size_t width,
                                    float *probability) {
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width; x++) {
            float *mean = &probability[y * width + x];
            *mean = 0.5F * (*mean + sigmoid(logits[y * width + width - 1 - x]));
        }
    }
}

// The mean of the image's own probabilities, in `probability`, and of the mirrored one's.
static bool mean_of_both(struct inference *inference, size_t i, size_t height, size_t width,
                         float **probability, struct error *error) {
    float *mirrored = NULL;
    const size_t count = height * width;
    if (count > inference->capacity) {
        free(inference->probability);
        inference->probability = malloc(count * sizeof(float));
        inference->capacity = inference->probability != NULL ? count : 0;
    }
    if (inference->probability == NULL) {
        return fail(error, "no memory");
    }
    memcpy(inference->probability, *probability, count * sizeof(float));
    if (!resize(inference, inference->mirrored, i, height, width, &mirrored, error)) {
        return false;
    }
    add_mirrored(mirrored, height, width, inference->probability);
    *probability = inference->probability;
    return true;
}

bool inference_probability(struct inference *inference, size_t i, size_t height, size_t width,
                           float **probability, struct error *error) {
    float *logits = NULL;
    if (!resize(inference, inference->logits, i, height, width, &logits, error)) {
        return false;
    }
    sigmoids_of_rows(logits, height, width, inference->backend->threads);
    *probability = logits;
    return !inference->flip || mean_of_both(inference, i, height, width, probability, error);
}
