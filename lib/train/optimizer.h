// The optimiser of a network's learned parameters.
#ifndef PLEURA_TRAIN_OPTIMIZER_H
#define PLEURA_TRAIN_OPTIMIZER_H

#include "train/training.h"

struct optimizer {
    struct backend *backend;
    struct graph *graph;
    struct executor *executor;
    struct optimizer_options options;
    float *gradients;            // on the device, of the learned parameters, in their order: sums
                                 // over the batches since the last step
    float *moments[MAX_MOMENTS]; // likewise
    double *momentum;            // on the device, of the running statistics
    struct optimizer_coefficients *coefficients; // on the device, four: see struct optimizer_update
    uint8_t *encoder;                            // likewise, where the encoder is frozen at first
    int64_t *bad;               // on the device, as the next: see struct optimizer_update
    double *norm_parts;         // with clipping
    struct gradient_norm *norm; // with clipping
    float *average;             // like a moment, or NULL
    int64_t steps;              // taken so far
};

// Moments and sums start as zeros; norms' running statistics are the optimiser's to move from now
// on (executor_keep_statistics_apart). False with *error without memory, where the device lacks
// that optimiser, and where an encoder is to be frozen and the network's names do not tell which it
// is.
CHECKED bool optimizer_open(struct optimizer *optimizer, const struct optimizer_options *options,
                            struct backend *backend, struct graph *graph, struct executor *executor,
                            struct error *error);
void optimizer_close(struct optimizer *optimizer);

// Lets the moving average, if there is one, begin as the parameters are.
void optimizer_start_average(const struct optimizer *optimizer);

// Queues that what a batch's passes have left is taken: gradients are added to those of the batches
// before it, running statistics follow. After it the network is ready for the next batch.
void optimizer_add(const struct optimizer *optimizer);

// One step with the gradients that have been gathered, which are then cleared: begin, then
// queue, always the same work. `decay` goes to convolutions' weights only. The network is to be
// told that its parameters have changed.
void optimizer_begin(struct optimizer *optimizer, double rate, double decay);
void optimizer_queue(const struct optimizer *optimizer);

// Its row of the table.
const struct optimizer_rule *optimizer_rule_of(const struct optimizer *optimizer);

// The norm of the last step's gradients before they were clipped, which they must be. Waits.
double optimizer_norm(const struct optimizer *optimizer);

// The parameter whose gradient was not finite in the last step; NULL: none. Waits.
const char *optimizer_fault(const struct optimizer *optimizer);

#endif
