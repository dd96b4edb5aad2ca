// The optimiser of a network's learned parameters.
#ifndef PLEURA_TRAIN_OPTIMIZER_H
#define PLEURA_TRAIN_OPTIMIZER_H

#include "nn/network.h"

struct optimizer {
    struct backend *backend;
    struct graph *graph;
    struct network *network;
    float *mean, *variance; // on the device, of the learned parameters, in their order
    int64_t steps;          // taken so far
};

// Means and variances start as zeros. False with *error without memory.
CHECKED bool optimizer_open(struct optimizer *optimizer, struct backend *backend,
                            struct graph *graph, struct network *network, struct error *error);
void optimizer_close(struct optimizer *optimizer);

// One RAdam step with the gradients that have been gathered, which are then cleared. `decay` goes
// to convolutions' weights only.
void optimizer_step(struct optimizer *optimizer, double rate, double decay);

#endif
