// Network architectures by name: every decoder on every encoder, as graphs. Layers are called as in
// the published PyTorch checkpoints, so that weights are found by name.
#ifndef PLEURA_MODELS_MODELS_H
#define PLEURA_MODELS_MODELS_H

#include "nn/graph.h"

// Sides are multiples of 32, from the decoder's least (decoders.def) to MODEL_MAX_SIDE.
enum { MODEL_SIDE_STEP = 32, MODEL_MAX_SIDE = 8192 };

struct model_options {
    size_t images, height, width; // of the input
    bool gray;                    // one plane of bytes, else three of floats as they are
    size_t out_height, out_width; // of the logits; 0: the heads' own sizes, for resizing outside
    bool auxiliary;               // all heads, else the main one only
    double dropout;               // of the heads' channels, in training
    bool recompute;               // in training, less memory for more time: see graph_recompute
    bool sparing;                 // likewise, little of either: see graph_recompute_passes
};

// What a network is normalised by: batch or group normalisation.
#define MODEL_NORMS "bn|gn"

// The full name of a network, as checkpoints have it: NAME, which is normalised by batches, or with
// the norm "gn" (NULL: "bn") NAME-gn.
struct layer_name model_full_name(const char *name, const char *norm);

// Builds the graph of a network, called by its full name. The input is images x height x width x 1
// or 3; outputs are the heads' logits (images x out_height x out_width x 1), the main one first,
// and last the global logit ("any lesion?", images x 1 x 1 x 1) of networks that have one. The
// caller frees it with graph_free. NULL with *error for a name that is not known, and for sides
// that the network does not take.
CHECKED struct graph *model_build(const char *full_name, enum graph_mode mode,
                                  const struct model_options *options, struct error *error);

// Whether there is a network of this full name.
bool model_known(const char *full_name);

// The name, without a norm, of network `index`, DECODER-ENCODER; NULL behind the last one.
const char *model_name(size_t index);

// All names: "unet-resnet18|bisenet-resnet18|...".
const char *model_choices(void);

#endif
