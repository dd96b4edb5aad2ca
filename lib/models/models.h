// The networks. All layers are called as in a checkpoint of PyTorch.
#ifndef PLEURA_MODELS_MODELS_H
#define PLEURA_MODELS_MODELS_H

#include "nn/graph.h"

struct model_options {
    size_t images, height, width; // of the input
    bool gray;                    // one plane of bytes, else three of floats as they are
    size_t out_height, out_width; // of the logits; 0: the heads' own sizes, for resizing outside
    bool auxiliary;               // all heads, else the main one only
    double dropout;               // of the heads' channels, in training
    bool recompute;               // in training, less memory for more time: see graph_recompute
};

// Builds a network by name: outputs are the heads' logits (images x out_height x out_width), the
// main one first, and last the global logit ("any lesion?", images x 1 x 1). NULL with *error for
// a name that is not known, or a size that does not fit.
CHECKED struct graph *model_build(const char *name, enum graph_mode mode,
                                  const struct model_options *options, struct error *error);

// Whether there is a network of this name.
bool model_known(const char *name);

// The name of network `index`, DECODER-ENCODER; NULL behind the last one.
const char *model_name(size_t index);

// All names: "unet-resnet18|bisenet-resnet18".
const char *model_choices(void);

#endif
