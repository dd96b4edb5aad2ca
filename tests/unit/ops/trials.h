// Operations on trial: each one in a small network, on any device, in training or prediction.
#ifndef PLEURA_TESTS_TRIALS_H
#define PLEURA_TESTS_TRIALS_H

#include "nn/executor.h"
#include "ops/kernels.h"
#include "ops/ops.h"

#include "core/numbers/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// ---- what is tried: x goes into the operation, a few logits come out

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

// x's gradient is of two parts.
// Between the few channels that some devices have kernels of their own for.
static value_id try_narrow(struct graph *graph, value_id x) {
    static const size_t channels[] = {8, 8, 16, 16, 8, 32, 16, 32, 8};
    value_id y = layer(graph, x, "c", channels[0], 1, 1);
    for (size_t i = 1; i < sizeof channels / sizeof *channels; i++) {
        y = layer(graph, y, graph_name("c%zu", i).text, channels[i], 3, 1);
    }
    return y;
}

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

// Whether a row is to be run: all are, or the one that the environment's TRIAL names.
static inline bool wanted(size_t which) {
    const char *only = getenv("TRIAL");
    return only == NULL || strcmp(only, tried[which].name) == 0;
}

// The name of an operation of the graph that runs on the CPU only (ops.def); NULL: there is none.
static inline const char *cpu_only(const struct graph *graph) {
    enum { CPU_ONLY, CPU_AND_CUDA };
    const int devices_of[OPERATIONS] = {
#define OPERATION(name, devices) devices,
#include "ops/ops.def"
#undef OPERATION
    };
    for (int i = 0; i < graph_node_count(graph); i++) {
        const struct operation *operation = graph_node_at(graph, i)->operation;
        if (devices_of[operation->index] == CPU_ONLY) {
            return operation->name;
        }
    }
    return NULL;
}

// ---- a network around it

struct trial {
    struct backend *backend;
    struct graph *graph;
    struct executor *executor;
    enum graph_mode mode;
    size_t outputs;
    float *weights; // of the loss: the sum of weighted outputs
    float *result;  // the outputs of the last forward pass
    float *input;   // what every step begins with: its memory serves other things, too
    size_t pixels;
};

static float draw(struct random *random) {
    return (float)(2 * random_uniform(random) - 1);
}

static void *memory_for(size_t numbers) {
    void *memory = malloc((numbers + 1) * sizeof(float));
    assert_non_null(memory);
    return memory;
}

static void fill(struct trial *trial, void *to, const float *from, size_t count) {
    trial->backend->calls->put(trial->backend, to, from, count * sizeof *from);
}

// Wide queries and channels' energies are small, so that more than one term counts in a softmax.
static double scale_of(const struct parameter *parameter, double pixels) {
    if (strcmp(parameter->name, "q.weight") == 0 && parameter->count > 256) {
        return 2 / sqrt(2.0 * (double)parameter->count);
    }
    return strncmp(parameter->name, "small.", 6) == 0
               ? 2 / sqrt(pixels * sqrt((double)parameter->count))
               : 1;
}

static void fill_numbers(struct trial *trial, size_t which, struct shape shape) {
    struct random random = random_seed(7, which, shape.h * 100 + shape.w);
    const double pixels = (double)(shape.h * shape.w);
    float *values = memory_for(executor_value_count(trial->executor));
    trial->pixels = 3 * shape.n * shape.h * shape.w;
    trial->input = memory_for(trial->pixels);
    for (int i = 0; i < graph_parameter_count(trial->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(trial->graph, i);
        const double scale = scale_of(parameter, pixels);
        for (size_t k = 0; k < parameter->count; k++) {
            values[parameter->offset + k] =
                (float)scale * draw(&random) + (parameter->role == ROLE_VARIANCE ? 1.5F : 0);
        }
    }
    for (size_t i = 0; i < trial->pixels; i++) {
        trial->input[i] = draw(&random);
    }
    for (size_t i = 0; i < trial->outputs; i++) {
        trial->weights[i] = draw(&random);
    }
    fill(trial, executor_values(trial->executor), values, executor_value_count(trial->executor));
    free(values);
}

static void open_trial(struct trial *trial, const char *device, enum graph_mode mode, size_t which,
                       struct shape shape, enum precision precision) {
    struct error error;
    *trial = (struct trial){.mode = mode};
    trial->backend = backend_open(device, precision, 2, &error);
    if (trial->backend == NULL) {
        fail_msg("%s", error.text);
        abort(); // the analyzer does not know that a failed test has ended
    }
    trial->graph = graph_new(mode);
    const value_id input =
        graph_input(trial->graph, (struct shape){shape.n, shape.h, shape.w, 3}, STORAGE_FLOAT);
    const value_id normalised = normalise_input(trial->graph, input);
    const value_id x = tried[which].on_image
                           ? normalised
                           : layer(trial->graph, normalised, "first", shape.c, 1, 1);
    const value_id y = tried[which].make(trial->graph, x);
    const bool is_output = graph_value_at(trial->graph, y)->storage == STORAGE_FLOAT;
    graph_output(trial->graph, is_output ? y : head_convolution(trial->graph, y, "last", 0.3));
    if (!graph_check(trial->graph, &error)) {
        fail_msg("%s", error.text);
    }
    trial->executor = executor_new(trial->graph, trial->backend, &error);
    if (trial->executor == NULL) {
        fail_msg("%s", error.text);
    }
    trial->outputs = shape_count(graph_shape(trial->graph, graph_output_at(trial->graph, 0)));
    trial->weights = memory_for(trial->outputs);
    trial->result = memory_for(trial->outputs);
    fill_numbers(trial, which, shape);
}

static void close_trial(struct trial *trial) {
    executor_free(trial->executor);
    graph_free(trial->graph);
    backend_close(trial->backend);
    free(trial->weights);
    free(trial->result);
    free(trial->input);
}

static double loss_of(struct trial *trial) {
    struct error error;
    double loss = 0;
    executor_changed(trial->executor);
    fill(trial, executor_input(trial->executor), trial->input, trial->pixels);
    executor_begin(trial->executor, 5);
    executor_forward(trial->executor);
    trial->backend->calls->get(trial->backend, trial->result, executor_output(trial->executor, 0),
                               trial->outputs * sizeof(float));
    if (!trial->backend->calls->wait(trial->backend, &error)) {
        fail_msg("%s", error.text);
    }
    for (size_t i = 0; i < trial->outputs; i++) {
        loss += (double)trial->weights[i] * trial->result[i];
    }
    return loss;
}

static void gradients_of(struct trial *trial) {
    struct error error;
    trial->backend->calls->clear(trial->backend, executor_gradients(trial->executor),
                                 executor_learned_count(trial->executor) * sizeof(float));
    (void)loss_of(trial);
    fill(trial, executor_output_gradient(trial->executor, 0), trial->weights, trial->outputs);
    executor_backward(trial->executor);
    if (!trial->backend->calls->wait(trial->backend, &error)) {
        fail_msg("%s", error.text);
    }
}

// How far apart two arrays are, as a part of the second one's length.
static inline double distance(const float *a, const float *b, size_t count) {
    double apart = 0;
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        apart += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        squares += (double)b[i] * b[i];
    }
    return sqrt(apart / (squares + 1e-30));
}

#endif
