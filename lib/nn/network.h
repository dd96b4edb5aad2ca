// A graph made ready to run on a backend: steps in order, one block of memory shared by lifetime,
// parameters.
#ifndef PLEURA_NN_NETWORK_H
#define PLEURA_NN_NETWORK_H

#include "nn/graph.h"

struct network;

// Plans a graph, which must outlive the network. NULL with *error where a kernel refuses or memory
// is short.
CHECKED struct network *network_new(struct graph *graph, struct backend *backend,
                                    struct error *error);
void network_free(struct network *network);

// ---- parameters, on the device: graph_lay_out's order

float *network_values(struct network *network);
size_t network_value_count(const struct network *network);
float *network_gradients(struct network *network); // of the learned ones; NULL in prediction
size_t network_learned_count(const struct network *network);
size_t network_decaying_count(const struct network *network); // of those: the first so many

// To be called when values have been changed.
void network_changed(struct network *network);

// ---- a step: put the input, begin, run forward, read outputs; in training put the outputs'
// gradients (all of them) and run backward, which adds to the parameters' gradients

void *network_input(struct network *network);
const float *network_output(struct network *network, int output);
float *network_output_gradient(struct network *network, int output);

// `seed`: of this step's random draws (dropout). Takes parameters that have changed.
void network_begin(struct network *network, uint64_t seed);

// Only queue work for the device, always the same: what backend_calls.repeat takes.
void network_forward(struct network *network);
void network_backward(struct network *network);

#endif
