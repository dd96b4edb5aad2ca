// ResNet18 as an encoder.
#ifndef PLEURA_MODELS_ENCODERS_RESNET18_H
#define PLEURA_MODELS_ENCODERS_RESNET18_H

#include "nn/graph.h"

// ResNet18 without its last layers: maps at 1/2 (64 channels), 1/4 (64), 1/8 (128), 1/16 (256) and
// 1/32 (512).
struct resnet18_maps {
    value_id at2, at4, at8, at16, at32;
};
struct resnet18_maps resnet18(struct graph *graph, value_id x, const char *name);

#endif
