// Running a graph: kernels planned, memory placed, addresses put into every step once.
#include "nn/network.h"

#include "core/clock.h"
#include "nn/profile.h"
#include "nn/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct network {
    struct graph *graph;
    struct backend *backend;
    struct schedule schedule;
    struct call *calls; // one a step
    void **states;      // one a node
    char *memory;
    size_t memory_bytes;
    float *values, *gradients;
    size_t value_count, learned_count, decaying_count;
    uint64_t *seed; // on the device
    bool changed;   // parameters that kernels have not seen
};

static const struct kernel *kernel_of(const struct network *network, int node) {
    const struct operation *operation = graph_node_at(network->graph, node)->operation;
    const struct kernel *const *kernels = network->backend->kernels;
    return kernels != NULL ? kernels[operation->number] : operation->cpu;
}

// Plans each node's kernel, and gives its scratch and saved buffers their sizes.
static bool plan_kernels(struct network *network, struct error *error) {
    struct schedule *schedule = &network->schedule;
    const int nodes = graph_node_count(network->graph);
    struct kernel_plan *plans = calloc((size_t)nodes + 1, sizeof *plans);
    bool planned = plans != NULL || fail(error, "no memory");
    for (int i = 0; planned && i < schedule->step_count; i++) {
        const struct step *step = &schedule->steps[i];
        for (int k = 0; k < NODE_INPUTS && step->kind == STEP_BACKWARD; k++) {
            plans[step->node].add[k] = step->add[k];
        }
    }
    for (int i = 0; planned && i < nodes; i++) {
        struct kernel_plan *plan = &plans[i];
        plan->backend = network->backend;
        plan->graph = network->graph;
        plan->node = graph_node_at(network->graph, i);
        const struct kernel *kernel = kernel_of(network, i);
        const char *operation = plan->node->operation->name;
        planned = (kernel != NULL ? kernel->plan(plan, error)
                                  : fail(error, "this device has no kernel for %s", operation)) ||
                  fail_within(error, "layer %s", plan->node->name);
        network->states[i] = planned ? plan->state : NULL;
        schedule->buffers[schedule->saved[i]].bytes = plan->saved;
    }
    for (int i = 0; planned && i < schedule->step_count; i++) {
        const struct step *step = &schedule->steps[i];
        schedule->buffers[step->scratch].bytes = plans[step->node].scratch;
    }
    free(plans);
    return planned;
}

static void *place(const struct network *network, int buffer) {
    return buffer == NO_BUFFER ? NULL : network->memory + network->schedule.buffers[buffer].offset;
}

static void fill_call(const struct network *network, const struct step *step, struct call *call) {
    const struct node *node = graph_node_at(network->graph, step->node);
    *call = (struct call){.state = network->states[step->node],
                          .scratch = place(network, step->scratch),
                          .saved = place(network, network->schedule.saved[step->node]),
                          .out = place(network, step->out),
                          .out_gradient = place(network, step->out_gradient),
                          .seed = network->seed,
                          .salt = ((uint64_t)step->node + 1) * 0x9E3779B97F4A7C15u,
                          .mode = step->kind == STEP_AGAIN ? RUN_AGAIN : RUN_FORWARD};
    for (int k = 0; k < NODE_INPUTS; k++) {
        call->in[k] = place(network, step->in[k]);
        call->in_gradient[k] = place(network, step->in_gradient[k]);
        call->add[k] = step->add[k];
    }
    for (int k = 0; k < node->parameter_count; k++) {
        const struct parameter *parameter = graph_parameter_at(network->graph, node->parameters[k]);
        call->parameter[k] = network->values + parameter->offset;
        if (network->gradients != NULL && role_is_learned(parameter->role)) {
            call->gradient[k] = network->gradients + parameter->offset;
        }
    }
}

static void release_memory(struct network *network) {
    struct backend *backend = network->backend;
    backend->calls->release(backend, network->memory);
    backend->calls->release(backend, network->values);
    backend->calls->release(backend, network->gradients);
    backend->calls->release(backend, network->seed);
    network->memory = NULL;
    network->values = network->gradients = NULL;
    network->seed = NULL;
}

// Bytes of the parameters; in training with gradients and an optimiser's two numbers of each.
static size_t parameter_bytes(const struct network *network) {
    const size_t learned =
        graph_mode_of(network->graph) == GRAPH_TRAIN ? 3 * network->learned_count : 0;
    return (network->value_count + learned) * sizeof(float);
}

// False: says what batch would fit, as far as the device knows what it has.
static bool no_memory(struct network *network, struct error *error) {
    const size_t batch = graph_shape(network->graph, 0).n;
    const size_t parameters = parameter_bytes(network);
    release_memory(network);
    const size_t room = network->backend->calls->room(network->backend);
    const size_t left = room > parameters ? room - parameters : 0;
    const size_t fits = left / (network->memory_bytes / batch + 1);
    (void)fail(error, "no memory for a network of %zu MiB and its batch of %zu; ",
               (network->memory_bytes + parameters) >> 20, batch);
    const size_t said = strlen(error->text);
    (void)snprintf(error->text + said, sizeof error->text - said,
                   fits > 0 && fits < batch ? "%zu MiB are free: a batch of about %zu fits"
                                            : "a smaller batch needs less",
                   room >> 20, fits);
    return false;
}

static bool get_memory(struct network *network, struct error *error) {
    struct backend *backend = network->backend;
    struct schedule *schedule = &network->schedule;
    if (!memory_plan(schedule->buffers, (size_t)schedule->buffer_count, &network->memory_bytes,
                     error)) {
        return false;
    }
    const size_t room = backend->calls->room(backend);
    if (room > 0 && network->memory_bytes + parameter_bytes(network) > room) {
        return no_memory(network, error);
    }
    const bool learns = graph_mode_of(network->graph) == GRAPH_TRAIN;
    const size_t learned = network->learned_count * sizeof(float);
    network->memory = backend->calls->alloc(backend, network->memory_bytes);
    network->values = backend->calls->alloc(backend, network->value_count * sizeof(float));
    network->gradients = learns ? backend->calls->alloc(backend, learned) : NULL;
    network->seed = backend->calls->alloc(backend, sizeof *network->seed);
    return (network->memory != NULL && network->values != NULL && network->seed != NULL &&
            (!learns || network->gradients != NULL)) ||
           no_memory(network, error);
}

struct network *network_new(struct graph *graph, struct backend *backend, struct error *error) {
    struct network *network = calloc(1, sizeof *network);
    if (network == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    *network = (struct network){.graph = graph, .backend = backend, .changed = true};
    if (!graph_check(graph, error) ||
        !schedule_make(&network->schedule, graph, backend->precision, error)) {
        network_free(network);
        return NULL;
    }
    network->value_count = graph_lay_out(graph, &network->learned_count, &network->decaying_count);
    network->states = calloc((size_t)graph_node_count(graph) + 1, sizeof *network->states);
    network->calls = calloc((size_t)network->schedule.step_count + 1, sizeof *network->calls);
    if (network->states == NULL || network->calls == NULL) {
        (void)fail(error, "no memory");
        network_free(network);
        return NULL;
    }
    if (!plan_kernels(network, error) || !get_memory(network, error)) {
        network_free(network);
        return NULL;
    }
    for (int i = 0; i < network->schedule.step_count; i++) {
        fill_call(network, &network->schedule.steps[i], &network->calls[i]);
    }
    return network;
}

void network_free(struct network *network) {
    if (network == NULL) {
        return;
    }
    for (int i = 0; network->states != NULL && i < graph_node_count(network->graph); i++) {
        if (network->states[i] != NULL) {
            kernel_of(network, i)->release(network->states[i]);
        }
    }
    schedule_free(&network->schedule);
    release_memory(network);
    free(network->calls);
    free(network->states);
    free(network);
}

float *network_values(struct network *network) {
    return network->values;
}

size_t network_value_count(const struct network *network) {
    return network->value_count;
}

float *network_gradients(struct network *network) {
    return network->gradients;
}

size_t network_learned_count(const struct network *network) {
    return network->learned_count;
}

size_t network_decaying_count(const struct network *network) {
    return network->decaying_count;
}

void network_changed(struct network *network) {
    network->changed = true;
}

void *network_input(struct network *network) {
    return place(network, network->schedule.input);
}

const float *network_output(struct network *network, int output) {
    return place(network, network->schedule.outputs[output]);
}

float *network_output_gradient(struct network *network, int output) {
    return place(network, network->schedule.output_gradients[output]);
}

static void take_parameters(void *context) {
    struct network *network = context;
    for (int i = 0; i < network->schedule.forward_count; i++) {
        const int node = network->schedule.steps[i].node;
        const struct kernel *kernel = kernel_of(network, node);
        network->backend->doing = graph_node_at(network->graph, node)->name;
        if (kernel->prepare != NULL) {
            kernel->prepare(&network->calls[i]);
        }
    }
}

void network_begin(struct network *network, uint64_t seed) {
    struct backend *backend = network->backend;
    backend->calls->put(backend, network->seed, &seed, sizeof seed);
    if (network->changed) {
        backend->calls->repeat(backend, NULL, take_parameters, network);
    }
    network->changed = false;
}

static void run_step(struct network *network, int i) {
    const struct step *step = &network->schedule.steps[i];
    const struct kernel *kernel = kernel_of(network, step->node);
    network->backend->doing = graph_node_at(network->graph, step->node)->name;
    if (step->kind == STEP_BACKWARD) {
        kernel->backward(&network->calls[i]);
    } else {
        kernel->forward(&network->calls[i]);
    }
}

// Bytes of what a step reads and writes, parameters left out.
static double traffic(const struct network *network, const struct step *step) {
    const struct buffer *buffers = network->schedule.buffers;
    const int own[] = {step->out, step->out_gradient};
    double bytes = 0;
    for (int k = 0; k < 2; k++) {
        bytes += own[k] == NO_BUFFER ? 0 : (double)buffers[own[k]].bytes;
    }
    for (int k = 0; k < NODE_INPUTS; k++) {
        const double gradient =
            step->in_gradient[k] == NO_BUFFER ? 0 : (double)buffers[step->in_gradient[k]].bytes;
        bytes += step->in[k] == NO_BUFFER ? 0 : (double)buffers[step->in[k]].bytes;
        bytes += gradient * (1 + step->add[k]);
    }
    return bytes;
}

// A layer with weights: their gradient, and the input's where it is wanted; a product of two
// activations: both gradients.
static double arithmetic(const struct network *network, const struct step *step) {
    const struct node *node = graph_node_at(network->graph, step->node);
    if (node->operation->products == NULL) {
        return 0;
    }
    const double passes = step->kind != STEP_BACKWARD ? 1
                          : node->parameter_count > 0 ? 1.0 + (step->in_gradient[0] != NO_BUFFER)
                                                      : 2;
    return 2 * passes * node->operation->products(network->graph, node);
}

static void watch_step(struct network *network, int i) {
    static const char *const passes[] = {
        [STEP_FORWARD] = "forward", [STEP_AGAIN] = "again", [STEP_BACKWARD] = "backward"};
    const struct step *step = &network->schedule.steps[i];
    struct backend *backend = network->backend;
    struct error error; // of a device: comes again when the step is waited for
    const double start = clock_seconds();
    run_step(network, i);
    (void)!backend->calls->wait(backend, &error);
    const struct profile_row call = {.what =
                                         graph_node_at(network->graph, step->node)->operation->name,
                                     .pass = passes[step->kind],
                                     .calls = 1,
                                     .seconds = clock_seconds() - start,
                                     .flop = arithmetic(network, step),
                                     .bytes = traffic(network, step)};
    profile_add(backend->profile, &call);
}

static void run_steps(struct network *network, int first, int end) {
    for (int i = first; i < end; i++) {
        if (network->backend->profile != NULL) {
            watch_step(network, i);
        } else {
            run_step(network, i);
        }
    }
}

void network_forward(struct network *network) {
    run_steps(network, 0, network->schedule.forward_count);
}

void network_backward(struct network *network) {
    run_steps(network, network->schedule.forward_count, network->schedule.step_count);
}
