// Prediction.
#include "train/inference.h"

#include "core/numbers/exponential.h"
#include "core/simd.h"

#include <stdlib.h>

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

// Whether the executor's memory is the host's, and this network's alone: what it has made is read
// there until it runs again.
static bool reads_in_place(const struct inference *inference) {
    return inference->backend->kernels == NULL && !inference->flip && !inference->shared;
}

bool inference_open(struct inference *inference, struct backend *backend, const struct graph *graph,
                    struct executor *executor, size_t batch, bool flip, bool shared,
                    struct error *error) {
    const struct shape in = graph_shape(graph, 0);
    const struct shape out = graph_shape(graph, graph_output_at(graph, 0));
    const struct backend_calls *calls = backend->calls;
    *inference = (struct inference){.backend = backend,
                                    .executor = executor,
                                    .in = in,
                                    .out = out,
                                    .flip = flip,
                                    .shared = shared,
                                    .images = calls->host_alloc(backend, batch * numbers_of(in))};
    const bool copies = !reads_in_place(inference);
    if (copies) {
        inference->copied = calls->host_alloc(backend, shape_count(out) * sizeof(float));
    }
    if (flip) {
        inference->mirrored = calls->host_alloc(backend, shape_count(out) * sizeof(float));
        inference->mirrored_images = calls->host_alloc(backend, shape_count(in));
    }
    if (inference->images == NULL || (copies && inference->copied == NULL) ||
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
    backend->calls->host_release(backend, inference->images);
    backend->calls->host_release(backend, inference->copied);
    backend->calls->host_release(backend, inference->mirrored);
    backend->calls->host_release(backend, inference->mirrored_images);
    free(inference->maps[0]);
    free(inference->maps[1]);
    *inference = (struct inference){.logits = NULL};
}

static void queue_forward(void *executor) {
    executor_forward(executor);
}

// `copied`: where the logits go; NULL: they stay where they are.
static bool run_once(struct inference *inference, const uint8_t *images, float *copied,
                     struct error *error) {
    const struct backend_calls *calls = inference->backend->calls;
    calls->put(inference->backend, executor_input(inference->executor), images,
               shape_count(inference->in));
    executor_begin(inference->executor, 0);
    calls->repeat(inference->backend, &inference->recording, queue_forward, inference->executor);
    if (copied != NULL) {
        calls->get(inference->backend, copied, executor_output(inference->executor, 0),
                   shape_count(inference->out) * sizeof *copied);
    }
    return calls->wait(inference->backend, error);
}

bool inference_run(struct inference *inference, const uint8_t *images, struct error *error) {
    const struct shape in = inference->in;
    inference->logits =
        inference->copied != NULL ? inference->copied : executor_output(inference->executor, 0);
    if (!run_once(inference, images, inference->copied, error)) {
        return false;
    }
    if (!inference->flip) {
        return true;
    }
    for (size_t row = 0; row < in.n * in.h; row++) {
        for (size_t x = 0; x < in.w; x++) {
            inference->mirrored_images[row * in.w + x] = images[row * in.w + in.w - 1 - x];
        }
    }
    return run_once(inference, inference->mirrored_images, inference->mirrored, error);
}

// Memory for a map of an image (`which` is 0), or of the mirrored one (1): what the network does
// not need before it runs again, or its own.
static float *map_of(struct inference *inference, int which, size_t count) {
    float *spare = reads_in_place(inference)
                       ? executor_spare(inference->executor, count * sizeof(float))
                       : NULL;
    if (spare == NULL && count > inference->capacity[which]) {
        free(inference->maps[which]);
        inference->maps[which] = malloc(count * sizeof(float));
        inference->capacity[which] = inference->maps[which] != NULL ? count : 0;
    }
    return spare != NULL ? spare : inference->maps[which];
}

static bool resize(struct inference *inference, int which, size_t i, size_t height, size_t width,
                   float **resized, struct error *error) {
    const struct shape out = inference->out;
    const float *logits = which == 0 ? inference->logits : inference->mirrored;
    if ((inference->resize.plane.down.out != height ||
         inference->resize.plane.along.out != width)) {
        float_resize_close(&inference->resize);
        if (!float_resize_open(&inference->resize, out.h, out.w, height, width,
                               inference->backend->threads, error)) {
            return false;
        }
    }
    *resized = map_of(inference, which, height * width);
    if (*resized == NULL) {
        return fail(error, "no memory");
    }
    float_resize_run(&inference->resize, logits + i * out.h * out.w, *resized);
    return true;
}

bool inference_logits(struct inference *inference, size_t i, size_t height, size_t width,
                      const float **logits, struct error *error) {
    float *resized = NULL;
    const bool done = resize(inference, 0, i, height, width, &resized, error);
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

bool inference_probability(struct inference *inference, size_t i, size_t height, size_t width,
                           float **probability, struct error *error) {
    float *map = NULL;
    float *mirrored = NULL;
    if (!resize(inference, 0, i, height, width, &map, error) ||
        (inference->flip && !resize(inference, 1, i, height, width, &mirrored, error))) {
        return false;
    }
    sigmoids_of_rows(map, height, width, inference->backend->threads);
    if (inference->flip) {
        add_mirrored(mirrored, height, width, map);
    }
    *probability = map;
    return true;
}
