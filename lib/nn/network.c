// Running a graph: kernels planned, memory placed, addresses put into every step once.
#include "nn/network.h"

#include "nn/schedule.h"

#include <stdlib.h>

struct network {
    struct graph *graph;
    struct backend *backend;
    struct schedule schedule;
    struct call *calls; // one a step
    void **states;      // one a node
    char *memory;
    size_t memory_bytes;
    float *values, *gradients;
    size_t value_count, learned_count;
    uint64_t version;
};

enum precision value_precision(const struct kernel_plan *plan, value_id value) {
    return graph_value_at(plan->graph, value)->storage == STORAGE_FLOAT ? PRECISION_F32
                                                                        : plan->backend->precision;
}

struct shape input_shape(const struct kernel_plan *plan, int input) {
    return graph_shape(plan->graph, plan->node->inputs[input]);
}

struct shape output_shape(const struct kernel_plan *plan) {
    return graph_shape(plan->graph, plan->node->output);
}

static const struct kernel *kernel_of(const struct network *network, int node) {
    return graph_node_at(network->graph, node)->operation->kernels[network->backend->kind];
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
        planned = kernel_of(network, i)->plan(plan, error) ||
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

static bool get_memory(struct network *network, struct error *error) {
    struct backend *backend = network->backend;
    struct schedule *schedule = &network->schedule;
    if (!memory_plan(schedule->buffers, (size_t)schedule->buffer_count, &network->memory_bytes,
                     error)) {
        return false;
    }
    const size_t learned =
        graph_mode_of(network->graph) == GRAPH_TRAIN ? network->learned_count * sizeof(float) : 0;
    network->memory = backend->calls->alloc(backend, network->memory_bytes);
    network->values = backend->calls->alloc(backend, network->value_count * sizeof(float));
    network->gradients = learned > 0 ? backend->calls->alloc(backend, learned) : NULL;
    return (network->memory != NULL && network->values != NULL &&
            (learned == 0 || network->gradients != NULL)) ||
           fail(error, "no memory for a network of %zu MiB; a smaller batch needs less",
                (network->memory_bytes + network->value_count * 8) >> 20);
}

struct network *network_new(struct graph *graph, struct backend *backend, struct error *error) {
    struct network *network = calloc(1, sizeof *network);
    if (network == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    *network = (struct network){.graph = graph, .backend = backend, .version = 1};
    if (!graph_check(graph, error) ||
        !schedule_make(&network->schedule, graph, backend->precision, error)) {
        network_free(network);
        return NULL;
    }
    network->value_count = graph_lay_out(graph, &network->learned_count);
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
    struct backend *backend = network->backend;
    for (int i = 0; network->states != NULL && i < graph_node_count(network->graph); i++) {
        if (network->states[i] != NULL) {
            kernel_of(network, i)->release(network->states[i]);
        }
    }
    schedule_free(&network->schedule);
    backend->calls->release(backend, network->memory);
    backend->calls->release(backend, network->values);
    backend->calls->release(backend, network->gradients);
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

void network_changed(struct network *network) {
    network->version++;
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

size_t network_memory(const struct network *network) {
    return network->memory_bytes;
}

static void run_steps(struct network *network, int first, int end, uint64_t seed) {
    for (int i = first; i < end; i++) {
        const struct step *step = &network->schedule.steps[i];
        const struct kernel *kernel = kernel_of(network, step->node);
        struct call *call = &network->calls[i];
        call->version = network->version;
        call->seed = seed ^ ((uint64_t)step->node + 1) * 0x9E3779B97F4A7C15u;
        if (step->kind == STEP_BACKWARD) {
            kernel->backward(call);
        } else {
            kernel->forward(call);
        }
    }
}

void network_forward(struct network *network, uint64_t seed) {
    run_steps(network, 0, network->schedule.forward_count, seed);
}

void network_backward(struct network *network, uint64_t seed) {
    run_steps(network, network->schedule.forward_count, network->schedule.step_count, seed);
}
