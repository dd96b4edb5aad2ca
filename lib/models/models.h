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

// The names, one behind the other: "unet-resnet18, bisenet-resnet18".
const char *model_names(void);

// ---- parts

// ResNet18 without its last layers: maps at 1/2 (64 channels), 1/4 (64), 1/8 (128), 1/16 (256) and
// 1/32 (512).
struct resnet18_maps {
    value_id at2, at4, at8, at16, at32;
};
struct resnet18_maps resnet18(struct graph *graph, value_id x, const char *name);

// x + gamma * attention over positions, and over channels (Fu et al. 2019, one projection for
// queries and keys).
value_id position_branch(struct graph *graph, value_id x, const char *name);
value_id channel_branch(struct graph *graph, value_id x, const char *name);

// Convolution - norm - ReLU (name.cbr_unit.0, .1), and the same without ReLU (name.cb_unit.0, .1).
value_id cbr(struct graph *graph, value_id x, const char *name, size_t channels, size_t kernel,
             size_t stride);
value_id cb(struct graph *graph, value_id x, const char *name, size_t channels, size_t kernel);

// A head: cbr (name.0) of `channels`, dropout of whole channels, one logit a pixel (name.2).
value_id head(struct graph *graph, value_id x, const char *name, size_t channels, size_t kernel,
              double dropout);

// Marks a head's logits as an output, brought to the size that the options ask for.
void output_logits(struct graph *graph, value_id z, const struct model_options *options);

// Up-sampling to another value's size.
value_id upsample_to(struct graph *graph, value_id x, value_id like);

#endif
