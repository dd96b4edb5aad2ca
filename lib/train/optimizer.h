// The optimiser of a network's learned parameters.
#ifndef PLEURA_TRAIN_OPTIMIZER_H
#define PLEURA_TRAIN_OPTIMIZER_H

#include "train/training.h"

struct optimizer {
    struct backend *backend;
    struct graph *graph;
    struct executor *executor;
    float *mean, *variance;     // on the device, of the learned parameters, in their order
    struct radam_step *factors; // on the device
    int64_t *bad;               // on the device: see struct update
    int64_t steps;              // taken so far
};

// Means and variances start as zeros. False with *error without memory.
CHECKED bool optimizer_open(struct optimizer *optimizer, struct backend *backend,
                            struct graph *graph, struct executor *executor, struct error *error);
void optimizer_close(struct optimizer *optimizer);

// One RAdam step with the gradients that have been gathered, which are then cleared: begin, then
// queue, always the same work. `decay` goes to convolutions' weights only. The network is to be
// told that its parameters have changed.
void optimizer_begin(struct optimizer *optimizer, double rate, double decay);
void optimizer_queue(const struct optimizer *optimizer);

// The parameter whose gradient was not finite in the last step; NULL: none. Waits.
const char *optimizer_fault(const struct optimizer *optimizer);

#endif
