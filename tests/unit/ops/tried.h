// Operations that are tried: x goes into the operation, a few logits come out (trials.h).
#ifndef PLEURA_TESTS_TRIED_H
#define PLEURA_TESTS_TRIED_H

#include "ops/ops.h"

static value_id layer(struct graph *graph, value_id x, const char *name, size_t channels,
                      size_t window, size_t stride) {
    const struct convolution spec = {.name = name,
                                     .channels = channels,
                                     .window = window,
                                     .stride = stride,
                                     .pad = window / 2,
                                     .bias = true};
    return convolution(graph, x, &spec);
}

static value_id try_convolution(struct graph *graph, value_id x) {
    return layer(graph, x, "c", 5, 3, 1);
}

static value_id try_strided(struct graph *graph, value_id x) {
    return layer(graph, x, "c", 4, 7, 2);
}

static struct convolution in_groups(struct graph *graph, value_id x, const char *name,
                                    size_t groups, size_t window, size_t stride) {
    return (struct convolution){.name = name,
                                .channels = graph_shape(graph, x).c,
                                .window = window,
                                .stride = stride,
                                .pad = window / 2,
                                .groups = groups,
                                .bias = true};
}

static value_id depthwise(struct graph *graph, value_id x, const char *name, size_t window,
                          size_t stride) {
    const struct convolution spec =
        in_groups(graph, x, name, graph_shape(graph, x).c, window, stride);
    return convolution(graph, x, &spec);
}

// Between the few channels that some devices have kernels of their own for.
static value_id try_narrow(struct graph *graph, value_id x) {
    static const size_t channels[] = {8, 8, 16, 16, 8, 32, 16, 32, 8};
    value_id y = layer(graph, x, "c", channels[0], 1, 1);
    for (size_t i = 1; i < sizeof channels / sizeof *channels; i++) {
        y = layer(graph, y, graph_name("c%zu", i).text, channels[i], 3, 1);
    }
    return y;
}

// x's gradient is of two parts.
static value_id try_depthwise(struct graph *graph, value_id x) {
    return depthwise(graph, concat(graph, x, depthwise(graph, x, "c", 5, 1)), "d", 3, 2);
}

static value_id try_depthwise_residual(struct graph *graph, value_id x) {
    struct convolution spec = in_groups(graph, x, "c", graph_shape(graph, x).c, 3, 1);
    spec.bias = false;
    return depthwise(graph, convolution_norm(graph, x, &spec, "n", x, true), "d", 5, 2);
}

// Windows and borders that are rare.
static value_id try_depthwise_rare(struct graph *graph, value_id x) {
    const value_id both = concat(graph, x, depthwise(graph, x, "c", 7, 1));
    struct convolution spec = in_groups(graph, both, "d", graph_shape(graph, both).c, 3, 2);
    spec.pad = 0;
    return convolution(graph, both, &spec);
}

// Groups of 4 channels, where they make some.
static value_id try_grouped(struct graph *graph, value_id x) {
    const size_t channels = graph_shape(graph, x).c;
    const struct convolution spec =
        in_groups(graph, x, "c", channels % 4 == 0 ? channels / 4 : 1, 3, 1);
    return convolution(graph, x, &spec);
}

static value_id with_norm(struct graph *graph, value_id x, value_id residual, bool relu) {
    const struct convolution spec = {
        .name = "c", .channels = graph_shape(graph, x).c, .window = 3, .stride = 1, .pad = 1};
    return convolution_norm(graph, x, &spec, "n", residual, relu);
}

static value_id try_norm(struct graph *graph, value_id x) {
    return with_norm(graph, x, NO_VALUE, false);
}

static value_id try_norm_relu(struct graph *graph, value_id x) {
    return with_norm(graph, x, NO_VALUE, true);
}

static value_id try_norm_residual(struct graph *graph, value_id x) {
    return with_norm(graph, x, x, true);
}

static value_id by_groups(struct graph *graph, value_id x, value_id residual, bool relu) {
    graph_set_norm(graph, GRAPH_GROUP_NORM);
    return with_norm(graph, x, residual, relu);
}

static value_id try_group_norm(struct graph *graph, value_id x) {
    return by_groups(graph, x, NO_VALUE, false);
}

static value_id try_group_norm_relu(struct graph *graph, value_id x) {
    return by_groups(graph, x, NO_VALUE, true);
}

static value_id try_group_norm_residual(struct graph *graph, value_id x) {
    return by_groups(graph, x, x, true);
}

static value_id try_linear(struct graph *graph, value_id x) {
    const struct convolution spec = {
        .name = "c", .channels = 3, .window = 1, .stride = 1, .linear = true, .bias = true};
    return add(graph, convolution(graph, x, &spec),
               convolution(graph, global_max_pool(graph, x), &spec));
}

// 1 x 1 convolutions of some pixels and many channels.
static value_id try_wide(struct graph *graph, value_id x) {
    const struct convolution spec = {
        .name = "wide", .channels = 264, .window = 1, .stride = 1, .bias = true};
    const value_id pooled = max_pool(graph, x);
    const value_id wide = silu(graph, convolution(graph, pooled, &spec));
    return concat(graph, wide, layer(graph, wide, "c", graph_shape(graph, x).c, 1, 1));
}

static value_id try_gate(struct graph *graph, value_id x) {
    const struct convolution spec = {
        .name = "c", .channels = 1, .window = 7, .stride = 1, .pad = 3};
    return pixel_gate(graph, x, convolution_gate(graph, channel_pool(graph, x), &spec, "n"));
}

static value_id try_relu(struct graph *graph, value_id x) {
    const struct convolution spec = {
        .name = "c", .channels = 6, .window = 1, .stride = 1, .bias = true};
    return convolution_relu(graph, x, &spec);
}

static value_id try_upsample(struct graph *graph, value_id x) {
    const struct shape shape = graph_shape(graph, x);
    return upsample(graph, x, 2 * shape.h + 1, 3 * shape.w);
}

static value_id try_upsample_far(struct graph *graph, value_id x) {
    const struct shape shape = graph_shape(graph, x);
    return upsample(graph, x, 5 * shape.h + 1, 4 * shape.w);
}

static value_id try_widen(struct graph *graph, value_id x) {
    return widen(graph, layer(graph, x, "c", 1, 3, 1));
}

static value_id try_concat(struct graph *graph, value_id x) {
    return concat(graph, x, layer(graph, x, "c", 2, 1, 1));
}

static value_id try_add(struct graph *graph, value_id x) {
    return add(graph, x, layer(graph, x, "c", graph_shape(graph, x).c, 3, 1));
}

static value_id try_add_everywhere(struct graph *graph, value_id x) {
    return add(graph, x, global_pool(graph, x));
}

static value_id try_add_scaled(struct graph *graph, value_id x) {
    return add_scaled(graph, x, layer(graph, x, "c", graph_shape(graph, x).c, 1, 1), "gamma");
}

static value_id try_add_scaled_everywhere(struct graph *graph, value_id x) {
    return add_scaled(graph, x, global_pool(graph, x), "gamma");
}

static value_id try_channel_gate(struct graph *graph, value_id x) {
    return channel_gate(graph, x, global_pool(graph, x), false);
}

static value_id try_channel_gate_keep(struct graph *graph, value_id x) {
    return channel_gate(graph, x, global_pool(graph, x), true);
}

static value_id try_pixel_gate(struct graph *graph, value_id x) {
    return pixel_gate(graph, x, layer(graph, x, "c", 1, 1, 1));
}

static value_id try_position_attention(struct graph *graph, value_id x) {
    return position_attention(graph, layer(graph, x, "q", 2, 1, 1), x);
}

// The widths that some devices have kernels of their own for.
static value_id attend_in(struct graph *graph, value_id x, size_t channels) {
    const value_id v = layer(graph, x, "v", channels, 1, 1);
    return position_attention(graph, layer(graph, v, "q", channels / 2, 1, 1), v);
}

static value_id try_narrow_attention(struct graph *graph, value_id x) {
    return attend_in(graph, x, 32);
}

static value_id try_wide_attention(struct graph *graph, value_id x) {
    return attend_in(graph, x, 128);
}

// Of small numbers: energies of thousands, which sums over many pixels make, would leave one term
// of a softmax, and have the rounding errors of their sums in it.
static value_id try_channel_attention(struct graph *graph, value_id x) {
    return channel_attention(graph, layer(graph, x, "small", graph_shape(graph, x).c, 1, 1));
}

static const struct {
    const char *name;
    value_id (*make)(struct graph *graph, value_id x);
    size_t min_side;
    bool on_image; // x is the network's input
} tried[] = {
    {"convolution", try_convolution, 1, false},
    {"strided convolution", try_strided, 1, false},
    {"depthwise convolution", try_depthwise, 1, false},
    {"grouped convolution", try_grouped, 1, false},
    {"norm", try_norm, 1, false},
    {"norm and ReLU", try_norm_relu, 1, false},
    {"norm, residual, ReLU", try_norm_residual, 1, false},
    {"ReLU", try_relu, 1, false},
    {"ReLU on its own", relu, 1, false},
    {"silu", silu, 1, false},
    {"max_pool", max_pool, 1, false},
    {"upsample", try_upsample, 1, false},
    {"upsample_nearest", upsample_nearest, 1, false},
    {"concat", try_concat, 1, false},
    {"add", try_add, 1, false},
    {"add to all pixels", try_add_everywhere, 1, false},
    {"add_scaled", try_add_scaled, 1, false},
    {"add_scaled to all pixels", try_add_scaled_everywhere, 1, false},
    {"global_pool", global_pool, 1, false},
    {"channel_gate", try_channel_gate, 1, false},
    {"channel_gate and keep", try_channel_gate_keep, 1, false},
    {"pixel_gate", try_pixel_gate, 1, false},
    {"position_attention", try_position_attention, 1, false},
    {"channel_attention", try_channel_attention, 1, false},
    {"pyramid_pool", pyramid_pool, 6, false},
    {"widen", try_widen, 1, false},
    {"first convolution", try_strided, 1, true},
    {"upsample far", try_upsample_far, 1, false},
    {"position_attention 16, 32", try_narrow_attention, 1, false},
    {"position_attention 64, 128", try_wide_attention, 1, false},
    {"group_norm", try_group_norm, 1, false},
    {"group_norm and ReLU", try_group_norm_relu, 1, false},
    {"group_norm, residual, ReLU", try_group_norm_residual, 1, false},
    {"max_pool_2", max_pool_2, 2, false},
    {"global_max_pool", global_max_pool, 1, false},
    {"one layer twice, linear", try_linear, 1, false},
    {"convolution_gate", try_gate, 1, false},
    {"narrow convolutions", try_narrow, 1, false},
    {"depthwise, norm, residual, ReLU", try_depthwise_residual, 1, false},
    {"wide convolutions of few pixels", try_wide, 1, false},
    {"depthwise, rare windows", try_depthwise_rare, 3, false},
};

#define TRIED (sizeof tried / sizeof *tried)

#endif
