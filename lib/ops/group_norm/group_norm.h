// Group normalisation (Wu and He 2018, arXiv 1803.08494), for convolution_norm and for its kernels:
// statistics of each image alone, over all pixels of a group of channels. Training and prediction
// are the same, and nothing runs along.
#ifndef PLEURA_OPS_GROUP_NORM_GROUP_NORM_H
#define PLEURA_OPS_GROUP_NORM_GROUP_NORM_H

#include "nn/graph.h"

enum { GROUP_NORM_SCALE, GROUP_NORM_SHIFT, GROUP_NORM_PARAMETERS };

struct group_norm_attributes {
    bool relu;
    size_t groups;
};

// relu(norm(x) + residual) with the parameters name.weight and .bias; NO_VALUE: no residual. There
// are 32 groups, or where 32 do not divide the channels as many as divide both.
value_id group_normalise(struct graph *graph, value_id x, const char *name, value_id residual,
                         bool relu);

#endif
