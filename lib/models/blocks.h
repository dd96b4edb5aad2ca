// The blocks that networks are made of, beside the operations.
#ifndef PLEURA_MODELS_BLOCKS_H
#define PLEURA_MODELS_BLOCKS_H

#include "models/models.h"

// x + gamma * attention over positions, and over channels (Fu et al. 2019, one projection for
// queries and keys).
value_id position_branch(struct graph *graph, value_id x, const char *name);
value_id channel_branch(struct graph *graph, value_id x, const char *name);

// A convolution without bias that keeps the size but for its stride, and its norm, each by its full
// name; then residual (or NO_VALUE) and ReLU as convolution_norm has them.
value_id padded_convolution_norm(struct graph *graph, value_id x, const char *convolution_name,
                                 const char *norm_name, size_t channels, size_t window,
                                 size_t stride, value_id residual, bool relu);

// What opens a channel_gate of x by squeeze and excitation (Hu et al. 2018, arXiv 1709.01507):
// channel means, a 1 x 1 to `channels`, ReLU or SiLU, a 1 x 1 back. The layers by their full names.
enum activation { ACTIVATION_RELU, ACTIVATION_SILU };
value_id squeeze_excitation(struct graph *graph, value_id x, const char *squeeze_name,
                            const char *excite_name, size_t channels, enum activation activation);

// Convolution - norm - ReLU (name.cbr_unit.0, .1), and the same without ReLU (name.cb_unit.0, .1).
value_id cbr(struct graph *graph, value_id x, const char *name, size_t channels, size_t window,
             size_t stride);
value_id cb(struct graph *graph, value_id x, const char *name, size_t channels, size_t window);

// CBAM (Woo et al. 2018, arXiv 1807.06521): a gate of channels, by means and maxima over all pixels
// through one perceptron (name.ChannelGate.mlp.1, .3), then a gate of pixels, by maxima and means
// over channels (name.SpatialGate.spatial.cb_unit.0, and its norm .1).
value_id cbam(struct graph *graph, value_id x, const char *name);

// A head: cbr (name.0) of `channels`, dropout of whole channels, one logit a pixel (name.2).
value_id head(struct graph *graph, value_id x, const char *name, size_t channels, size_t window,
              double dropout);

// Marks a head's logits as an output, brought to the size that the options ask for.
void output_logits(struct graph *graph, value_id z, const struct model_options *options);

// Up-sampling to another value's size.
value_id upsample_to(struct graph *graph, value_id x, value_id like);

#endif
