// The layers that networks are made of. Each function adds a layer to the graph and returns the
// value it makes; after an error they do nothing. Shapes are images x height x width x channels.
#ifndef PLEURA_OPS_OPS_H
#define PLEURA_OPS_OPS_H

#include "nn/graph.h"

// A gray image (bytes, 1 channel) as three equal channels with ImageNet's mean and deviation taken
// out: ((g / 255) - mean) / deviation; or floats of 3 channels as they are.
value_id normalise_input(struct graph *graph, value_id x);

struct convolution {
    const char *name; // of the parameters name.weight and name.bias
    size_t channels;  // of the output
    size_t window, stride, pad;
    size_t groups; // 0: 1
    bool linear;   // window 1: weights of two sides, channels and those of the input
    bool bias;
};

// Cross-correlation, as PyTorch's conv2d, `groups` too: both sides' channels are multiples of it.
value_id convolution(struct graph *graph, value_id x, const struct convolution *layer);

// The same, then batch normalisation `norm` (momentum 0.1, eps 1e-5), then + residual (NO_VALUE:
// none), then ReLU if asked. In training the batch's statistics count and running ones follow; in
// prediction the norm is folded into the convolution. A graph of GRAPH_GROUP_NORM has group
// normalisation in its place (group_norm.h).
value_id convolution_norm(struct graph *graph, value_id x, const struct convolution *layer,
                          const char *norm, value_id residual, bool relu);

// The convolution that opens a gate: then batch normalisation, whatever the graph's norm, whose
// running statistics follow by 0.01 and whose scale starts at 0, so that the gate is half open.
value_id convolution_gate(struct graph *graph, value_id x, const struct convolution *layer,
                          const char *norm);

// max(x, 0), of a convolution without norm. In prediction a part of the convolution.
value_id convolution_relu(struct graph *graph, value_id x, const struct convolution *layer);

// max(x, 0) on its own, behind what is no convolution.
value_id relu(struct graph *graph, value_id x);

// x * sigmoid(x).
value_id silu(struct graph *graph, value_id x);

// Maximum of 3 x 3 with padding 1, and of 2 x 2 without; both with a stride of 2.
value_id max_pool(struct graph *graph, value_id x);
value_id max_pool_2(struct graph *graph, value_id x);

// Bilinear, half-pixel centres, edges repeated, to height x width.
value_id upsample(struct graph *graph, value_id x, size_t height, size_t width);

// Each pixel four times: twice as high and wide.
value_id upsample_nearest(struct graph *graph, value_id x);

// Channels of a, then those of b.
value_id concat(struct graph *graph, value_id a, value_id b);

// a + b, or a + gamma * b with a learned number of that name. b may have one pixel, which then goes
// to all.
value_id add(struct graph *graph, value_id a, value_id b);
value_id add_scaled(struct graph *graph, value_id a, value_id b, const char *gamma);

// The mean over all pixels: images x 1 x 1 x channels.
value_id global_pool(struct graph *graph, value_id x);

// The maximum over all pixels, of the same shape.
value_id global_max_pool(struct graph *graph, value_id x);

// The maximum and the mean over each pixel's channels: two channels.
value_id channel_pool(struct graph *graph, value_id x);

// x * sigmoid(z), or x + x * sigmoid(z) if `keep`; z has one pixel.
value_id channel_gate(struct graph *graph, value_id x, value_id z, bool keep);

// x * sigmoid(z); z has one channel.
value_id pixel_gate(struct graph *graph, value_id x, value_id z);

// Position attention (Fu et al. 2019) with one projection q for queries and keys: each pixel
// i's output is sum_j softmax_j(q_i . q_j) v_j.
value_id position_attention(struct graph *graph, value_id q, value_id v);

// Channel attention (Fu et al. 2019): E = X X^T over pixels, A = softmax(max E - E) a row, A X.
value_id channel_attention(struct graph *graph, value_id x);

// Sum over grids of 6, 3, 2 and 1 of average pooling, then bilinear up-sampling to the input's
// size. A side of n is pooled in steps of n / g with windows of n - (n / g) * (g - 1).
value_id pyramid_pool(struct graph *graph, value_id x);

// One logit a pixel, float32: a 1 x 1 convolution (name.weight, name.bias) of channels that are
// dropped whole with probability `dropout` in training.
value_id head_convolution(struct graph *graph, value_id x, const char *name, double dropout);

// x as float32 whatever activations are stored as, to be put out.
value_id widen(struct graph *graph, value_id x);

#endif
