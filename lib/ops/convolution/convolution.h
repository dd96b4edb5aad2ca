// A convolution layer, for its kernels. Parameters: weight; bias if it has one; a folded norm's.
#ifndef PLEURA_OPS_CONVOLUTION_CONVOLUTION_H
#define PLEURA_OPS_CONVOLUTION_CONVOLUTION_H

#include "nn/operation.h"

struct convolution_attributes {
    size_t window, stride, pad, groups;
    bool bias, norm, relu;
};

// What a node's passes are to a backend.
struct convolution_shape convolution_shape_of(const struct graph *graph, const struct node *node);

#endif
