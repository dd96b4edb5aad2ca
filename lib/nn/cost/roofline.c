// The least time: each layer's arithmetic against its traffic.
#include "nn/cost/roofline.h"

#include "nn/operation.h"

#include <stdlib.h>
#include <string.h>

struct walk {
    const struct graph *graph;
    enum precision precision;
    const struct rates *rates;
    bool *seen, *graded; // values that were read in this pass; whose gradient was written
    struct roofline sum;
};

static double value_bytes(const struct walk *walk, value_id value) {
    return (double)graph_value_bytes(walk->graph, value, walk->precision);
}

static const struct node *producer_of(const struct walk *walk, value_id value) {
    const int producer = graph_value_at(walk->graph, value)->producer;
    return producer < 0 ? NULL : graph_node_at(walk->graph, producer);
}

static bool is_output(const struct walk *walk, value_id value) {
    for (int i = 0; i < graph_output_count(walk->graph); i++) {
        if (graph_output_at(walk->graph, i) == value) {
            return true;
        }
    }
    return false;
}

// Whether a node's work goes into the layers that read it.
static bool rides_along(const struct walk *walk, const struct node *node) {
    return node->recompute && !is_output(walk, node->output);
}

// Bytes of a value that are moved for the first time, or of those that it is made from on the way.
static double move(const struct walk *walk, value_id value, bool *moved) {
    const struct node *producer = producer_of(walk, value);
    double bytes = 0;
    if (producer == NULL || !rides_along(walk, producer)) {
        bytes = moved[value] ? 0 : value_bytes(walk, value);
        moved[value] = true;
        return bytes;
    }
    for (int k = 0; k < producer->input_count; k++) {
        bytes += move(walk, producer->inputs[k], moved);
    }
    return bytes;
}

static double products(const struct walk *walk, const struct node *node) {
    return node->operation->products != NULL ? node->operation->products(walk->graph, node) : 0;
}

static double learned(const struct walk *walk, const struct node *node) {
    double count = 0;
    for (int i = 0; i < node->parameter_count; i++) {
        const struct parameter *parameter = graph_parameter_at(walk->graph, node->parameters[i]);
        count += graph_role_is_learned(parameter->role) ? (double)parameter->count : 0;
    }
    return count;
}

static void add_layer(struct walk *walk, double flop, double bytes) {
    const double arithmetic = flop / walk->rates->flop;
    const double traffic = bytes / walk->rates->bytes;
    walk->sum.flop += flop;
    walk->sum.bytes += bytes;
    walk->sum.seconds += arithmetic > traffic ? arithmetic : traffic;
}

static void forward(struct walk *walk, const struct node *node) {
    double bytes = value_bytes(walk, node->output);
    if (rides_along(walk, node)) {
        return;
    }
    for (int k = 0; k < node->input_count; k++) {
        bytes += move(walk, node->inputs[k], walk->seen);
    }
    bytes += learned(walk, node) * (double)precision_size(walk->precision);
    add_layer(walk, 2 * products(walk, node), bytes);
}

// Of a layer with weights: their gradient, and the input's if that is wanted; of a product of two
// activations: both gradients.
static void backward(struct walk *walk, const struct node *node) {
    const struct operation *operation = node->operation;
    double bytes = value_bytes(walk, node->output);
    bool wanted = false;
    if (rides_along(walk, node) || !graph_value_at(walk->graph, node->output)->needs_gradient) {
        return;
    }
    for (int k = 0; k < node->input_count; k++) {
        const value_id input = node->inputs[k];
        bytes += operation->reads_input[k] ? move(walk, input, walk->seen) : 0;
        if (graph_value_at(walk->graph, input)->needs_gradient) {
            bytes += move(walk, input, walk->graded);
            wanted = true;
        }
    }
    bytes += operation->reads_output ? move(walk, node->output, walk->seen) : 0;
    const double weights = learned(walk, node);
    bytes += weights * (double)(2 * sizeof(float) + (wanted ? precision_size(walk->precision) : 0));
    const double passes = weights > 0 ? 1.0 + wanted : 2.0;
    add_layer(walk, 2 * passes * products(walk, node), bytes);
}

bool graph_roofline(const struct graph *graph, enum precision precision, const struct rates *rates,
                    struct roofline *roofline, struct error *error) {
    const int nodes = graph_node_count(graph);
    const size_t values = (size_t)graph_value_count(graph);
    struct walk walk = {.graph = graph,
                        .precision = precision,
                        .rates = rates,
                        .seen = calloc(values + 1, sizeof(bool)),
                        .graded = calloc(values + 1, sizeof(bool))};
    const bool allocated = walk.seen != NULL && walk.graded != NULL;
    for (int i = 0; allocated && i < nodes; i++) {
        forward(&walk, graph_node_at(graph, i));
    }
    if (allocated && graph_mode_of(graph) == GRAPH_TRAIN) {
        for (int i = 0; i < graph_output_count(graph); i++) {
            add_layer(&walk, 0, 2 * value_bytes(&walk, graph_output_at(graph, i)));
        }
        memset(walk.seen, 0, values * sizeof(bool));
        for (int i = nodes - 1; i >= 0; i--) {
            backward(&walk, graph_node_at(graph, i));
        }
    }
    free(walk.seen);
    free(walk.graded);
    *roofline = walk.sum;
    return allocated || fail(error, "no memory");
}
