// Parameters that will change no more.
#include "nn/executor_own.h"

// What settles together: an executor, whose parameters the guests have too.
struct settling {
    struct executor *executor;
    struct executor *const *guests;
    size_t guest_count;
    const struct parameter_source *source; // NULL: values are there
    struct error *error;
    bool failed;
};

// Nodes that have the parameter.
static int users_of(const struct graph *graph, int parameter) {
    int users = 0;
    for (int i = 0; i < graph_node_count(graph); i++) {
        const struct node *node = graph_node_at(graph, i);
        for (int k = 0; k < node->parameter_count; k++) {
            users += node->parameters[k] == parameter;
        }
    }
    return users;
}

// Puts those of the node's parameters that it is the first to have.
static void put_parameters(struct settling *settling, int node) {
    const struct graph *graph = settling->executor->graph;
    const struct node *own = graph_node_at(graph, node);
    for (int k = 0; k < own->parameter_count && !settling->failed; k++) {
        bool first = true;
        for (int i = 0; first && i < node; i++) {
            const struct node *other = graph_node_at(graph, i);
            for (int j = 0; j < other->parameter_count; j++) {
                first = first && other->parameters[j] != own->parameters[k];
            }
        }
        settling->failed = first && !settling->source->put(settling->source->context,
                                                           own->parameters[k], settling->error);
    }
}

static void prepare_node(struct executor *executor, int node) {
    for (int i = 0; executor->changed && i < executor->schedule.forward_count; i++) {
        if (executor->schedule.steps[i].node == node) {
            executor_prepare(executor, i);
        }
    }
}

// Gives back the memory of the node's first parameter, which its kernel has packed, where it is the
// executor's own and no other node has it.
static void discard_packed(const struct executor *executor, int node) {
    const struct node *packed = graph_node_at(executor->graph, node);
    const bool own = executor->host == NULL || executor->values != executor->host->values;
    if (own && packed->operation->packs_weights &&
        users_of(executor->graph, packed->parameters[0]) == 1) {
        const struct parameter *weights =
            graph_parameter_at(executor->graph, packed->parameters[0]);
        executor->backend->calls->discard(executor->backend, executor->values + weights->offset,
                                          weights->count * sizeof(float));
    }
}

// Each layer's weights go before the next one's come, so that they are never there twice.
static void settle(void *context) {
    struct settling *settling = context;
    struct executor *executor = settling->executor;
    const struct backend *backend = executor->backend;
    for (int node = 0; node < graph_node_count(executor->graph); node++) {
        if (settling->source != NULL) {
            put_parameters(settling, node);
        }
        if (settling->failed) {
            return;
        }
        if (backend->calls->discard != NULL) {
            prepare_node(executor, node);
            for (size_t i = 0; i < settling->guest_count; i++) {
                prepare_node(settling->guests[i], node);
            }
            discard_packed(executor, node);
        }
    }
}

static void end_settling(struct executor *executor) {
    struct backend *backend = executor->backend;
    if (backend->calls->discard != NULL) {
        backend->calls->discard(backend, executor->preparation, executor->preparation_bytes);
        executor->changed = false;
    }
}

bool executor_settle_from(struct executor *executor, struct executor *const *guests,
                          size_t guest_count, const struct parameter_source *source,
                          struct error *error) {
    struct settling settling = {executor, guests, guest_count, source, error, false};
    executor->backend->calls->repeat(executor->backend, NULL, settle, &settling);
    end_settling(executor);
    for (size_t i = 0; i < guest_count; i++) {
        end_settling(guests[i]);
    }
    return !settling.failed;
}

void executor_settle(struct executor *executor) {
    (void)!executor_settle_from(executor, NULL, 0, NULL, NULL); // nothing is put that could fail
}
