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
    uint8_t *images;             // of a batch, for callers who gather one
    const float *logits;         // of the last run
    float *copied, *mirrored;    // logits; NULL: they are read where the network has made them
    bool flip;                   // whether `mirrored` counts
    bool shared;                 // see inference_open
    uint8_t *mirrored_images;    // left to right
    struct float_resize resize;
    float *maps[2];     // resized: of an image, and of the mirrored one
    size_t capacity[2]; // numbers in them
};

// The images that a network should be made for where batches are of `batch`. The CPU's threads
// share out single images: more at once take as long, and more memory.
size_t inference_together(const struct backend *backend, size_t batch);

// With memory for a batch of `batch` images, as many as a run takes or more. With `flip`, every
// image also runs mirrored, and probabilities are the mean of both. `shared`: others run in the
// executor's memory before its answers are read.
CHECKED bool inference_open(struct inference *inference, struct backend *backend,
                            const struct graph *graph, struct executor *executor, size_t batch,
                            bool flip, bool shared, struct error *error);
void inference_close(struct inference *inference);

// Runs in.n images of in.h x in.w bytes. False with *error where the device fails.
CHECKED bool inference_run(struct inference *inference, const uint8_t *images, struct error *error);

// The logits of the run's image i, and the probabilities (sigmoid), brought to height x width; they
// live until the next call, and the caller may overwrite the probabilities.
CHECKED bool inference_logits(struct inference *inference, size_t i, size_t height, size_t width,
                              const float **logits, struct error *error);
CHECKED bool inference_probability(struct inference *inference, size_t i, size_t height,
                                   size_t width, float **probability, struct error *error);

#endif
