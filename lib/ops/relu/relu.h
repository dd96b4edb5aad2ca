// ReLU on its own, for convolution_relu in training.
#ifndef PLEURA_OPS_RELU_RELU_H
#define PLEURA_OPS_RELU_RELU_H

#include "nn/graph.h"

value_id relu(struct graph *graph, value_id x);

#endif
