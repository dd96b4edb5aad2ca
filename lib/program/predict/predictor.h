// predict-fold's run: a network, of one model or several, at one size of images or at several, on
// batches of samples.
#ifndef PLEURA_PROGRAM_PREDICT_PREDICTOR_H
#define PLEURA_PROGRAM_PREDICT_PREDICTOR_H

#include "dataset/sample.h"
#include "program/progress.h"
#include "program/streams/sources.h"
#include "program/streams/streams.h"
#include "train/inference.h"
#include "weights/table.h"

enum { MAX_SCALES = 8 };

struct predictor_options {
    size_t model_count;        // of one network
    int64_t sides[MAX_SCALES]; // of the images, different ones
    size_t side_count;
    size_t batch;    // images at once, at most
    bool flip;       // see inference.h
    enum dtype type; // of the probabilities: f2 or f4
    // The graph for so many images of a side, which the weights of that model fit; ends the program
    // where there is none.
    struct graph *(*build)(const void *context, size_t model, int64_t side, size_t images);
    const void *context;
};

// The network with the weights of one model, for images of one size.
struct sized_network {
    size_t model;
    int64_t side;
    struct graph *graph;
    struct executor *executor; // NULL: it is not open yet
    struct inference inference;
    uint8_t *first; // of the first model: images of the first batch, which comes before it is open
};

// An image that waits for its batch.
struct waiting;

struct predictor {
    const struct predictor_options *options;
    struct weight_table *tables; // one a model; are freed when the networks are open
    struct backend *backend;
    struct stream_writer *writer;
    struct progress *progress;
    struct sized_network *networks; // of each model all sizes
    size_t network_count;
    struct tensor *maps; // of an image, one a network
    const struct tensor **inputs;
    double *weights; // of the maps
    float *mean;     // of what several of them say
    size_t mean_capacity;
    struct waiting *waiting;
    size_t count, capacity; // images of a batch
    struct sample_mask mask;
};

// The caller sets options, backend, tables, mask.max_pixels, writer and progress, which must live
// until the end; the rest is zeros. Makes the graphs, so that what is wrong with the weights is
// said before the first sample is read. Everything here ends the program on errors.
void predictor_open(struct predictor *predictor);

// Opens the networks before there is a sample where batches are of one image. Else that is done
// with the first batch: for its images alone where these are all. The largest one's memory serves
// the others.
void predictor_prepare(struct predictor *predictor);

// Takes a sample, the record that was read last. Writes a batch when it is full, or when the next
// sample would have to be waited for; it then takes the time of a full one, and the same numbers
// come out.
void predictor_add(struct predictor *predictor, struct sources *samples,
                   const struct record *sample);

// Writes what still waits.
void predictor_flush(struct predictor *predictor);

void predictor_close(struct predictor *predictor);

#endif
