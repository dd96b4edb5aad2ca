// Operations on trial: each one in a small network, on any device, in training or prediction.
#ifndef PLEURA_TESTS_TRIALS_H
#define PLEURA_TESTS_TRIALS_H

#include "nn/executor.h"
#include "ops/kernels.h"
#include "tried.h"

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

#ifndef TRIAL_THREADS
#define TRIAL_THREADS 2
#endif

static void open_trial(struct trial *trial, const char *device, enum graph_mode mode, size_t which,
                       struct shape shape, enum precision precision) {
    struct error error;
    *trial = (struct trial){.mode = mode};
    trial->backend = backend_open(device, precision, TRIAL_THREADS, &error);
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
