// Running a prediction network on batches of gray images: logits and probabilities at any size.
#ifndef PLEURA_TRAIN_INFERENCE_H
#define PLEURA_TRAIN_INFERENCE_H

#include "nn/bilinear/float_resize.h"
#include "nn/executor.h"

struct inference {
    struct backend *backend;
    struct executor *executor;
    struct recording *recording; // of the forward pass
    struct shape in, out;        // of the network; output 0 is the main head's logits
    size_t batch;                // images
    float *logits, *mirrored;    // of a batch; of the mirrored images
    bool flip;                   // whether `mirrored` counts
    uint8_t *images;             // of a batch, for callers who gather one
    uint8_t *mirrored_images;    // left to right
    struct float_resize resize;
    float *probability; // of a mirrored pair
    size_t capacity;    // numbers in `probability`
};

// The images that a network should be made for where batches are of `batch`. The CPU's threads
// share out single images: more at once take as long, and more memory.
size_t inference_together(const struct backend *backend, size_t batch);

// For batches of `batch` images, as many as the network takes or more: it runs as often as need be.
// With `flip`, every image also runs mirrored, and probabilities are the mean of both.
CHECKED bool inference_open(struct inference *inference, struct backend *backend,
                            const struct graph *graph, struct executor *executor, size_t batch,
                            bool flip, struct error *error);
void inference_close(struct inference *inference);

// Runs `batch` images of in.h x in.w bytes. False with *error where the device fails.
CHECKED bool inference_run(struct inference *inference, const uint8_t *images, struct error *error);

// The logits of image i, and the probabilities (sigmoid), brought to height x width; they live
// until the next call, and the caller may overwrite the probabilities.
CHECKED bool inference_logits(struct inference *inference, size_t i, size_t height, size_t width,
                              const float **logits, struct error *error);
CHECKED bool inference_probability(struct inference *inference, size_t i, size_t height,
                                   size_t width, float **probability, struct error *error);

#endif
