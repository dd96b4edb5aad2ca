// EfficientNets (Tan, Le 2019, arXiv 1905.11946) without their last layers, as timm names and
// builds them, of timm's defaults for training no stochastic depth: a path is never dropped. The
// map at 1/2 is the stem's, as segmentation_models_pytorch takes it.
#include "models/blocks.h"
#include "models/encoders/encoders.h"
#include "ops/ops.h"

// Squeeze and excitation has a quarter of the channels that the block begins with.
enum { SQUEEZE = 4, STAGES = 7 };

// Blocks of one kind: the first of `blocks` halves the map if asked; its depthwise window; to how
// many times the channels it expands; channels of its output.
struct stage {
    size_t blocks, window, stride, expansion, channels;
};

static const struct stage b4[STAGES] = {
    {2, 3, 1, 1, 24},  {4, 3, 2, 6, 32},  {4, 5, 2, 6, 56},  {6, 3, 2, 6, 112},
    {6, 5, 1, 6, 160}, {8, 5, 2, 6, 272}, {2, 3, 1, 6, 448},
};

// A convolution without bias, its norm, and SiLU where it is asked for.
static value_id layer(struct graph *graph, value_id x, const char *prefix, const char *name,
                      const char *norm, const struct convolution *like, bool activated) {
    const struct layer_name full = graph_name("%s.%s", prefix, name);
    struct convolution convolution = *like;
    convolution.name = full.text;
    convolution.pad = like->window / 2;
    const value_id y = convolution_norm(graph, x, &convolution,
                                        graph_name("%s.%s", prefix, norm).text, NO_VALUE, false);
    return activated ? silu(graph, y) : y;
}

// An inverted residual block; without expansion it has two layers, which timm calls otherwise.
static value_id inverted_residual(struct graph *graph, value_id x, const char *prefix,
                                  const struct stage *stage, size_t stride) {
    const size_t begin = graph_shape(graph, x).c;
    const size_t wide = begin * stage->expansion;
    const bool expands = stage->expansion > 1;
    const struct convolution expand = {.channels = wide, .window = 1, .stride = 1};
    const struct convolution depthwise = {
        .channels = wide, .window = stage->window, .stride = stride, .groups = wide};
    const struct convolution project = {.channels = stage->channels, .window = 1, .stride = 1};
    value_id y = x;
    if (expands) {
        y = layer(graph, y, prefix, "conv_pw", "bn1", &expand, true);
    }
    y = layer(graph, y, prefix, "conv_dw", expands ? "bn2" : "bn1", &depthwise, true);
    const value_id open = squeeze_excitation(graph, y, graph_name("%s.se.conv_reduce", prefix).text,
                                             graph_name("%s.se.conv_expand", prefix).text,
                                             begin / SQUEEZE, ACTIVATION_SILU);
    y = channel_gate(graph, y, open, false);
    y = layer(graph, y, prefix, expands ? "conv_pwl" : "conv_pw", expands ? "bn3" : "bn2", &project,
              false);
    return stride == 1 && begin == stage->channels ? add(graph, y, x) : y;
}

static value_id build_stage(struct graph *graph, value_id x, const char *name,
                            const struct stage *stages, size_t index) {
    const struct stage *stage = &stages[index];
    for (size_t block = 0; block < stage->blocks; block++) {
        const struct layer_name prefix = graph_name("%s.blocks.%zu.%zu", name, index, block);
        x = inverted_residual(graph, x, prefix.text, stage, block == 0 ? stage->stride : 1);
    }
    return x;
}

// Nothing here is halved without parameters.
struct feature_maps encoder_efficientnet_b4(struct graph *graph, value_id x, const char *name,
                                            pooling *pool) {
    (void)pool;
    const struct convolution stem = {.channels = 48, .window = 3, .stride = 2};
    value_id maps[STAGES];
    const value_id at2 = layer(graph, x, name, "conv_stem", "bn1", &stem, true);
    value_id y = at2;
    for (size_t i = 0; i < STAGES; i++) {
        y = build_stage(graph, y, name, b4, i);
        maps[i] = y;
    }
    return (struct feature_maps){at2, maps[1], maps[2], maps[4], maps[6]};
}
