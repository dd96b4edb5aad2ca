// The least time: each layer's arithmetic against its traffic.
#include "nn/cost/roofline.h"

#include "nn/operation.h"

#include <stdlib.h>
#include <string.h>

struct accounting {
    const struct graph *graph;
    enum precision precision;
    const struct rates *rates;
    bool *seen;           // of each value: it was read in this pass
    bool *gradient_moved; // of each value: its gradient was written
    struct roofline sum;
};

static double value_bytes(const struct accounting *accounting, value_id value) {
    return (double)graph_value_bytes(accounting->graph, value, accounting->precision);
}

static const struct node *producer_of(const struct accounting *accounting, value_id value) {
    const int producer = graph_value_at(accounting->graph, value)->producer;
    return producer < 0 ? NULL : graph_node_at(accounting->graph, producer);
}

static bool is_output(const struct accounting *accounting, value_id value) {
    for (int i = 0; i < graph_output_count(accounting->graph); i++) {
        if (graph_output_at(accounting->graph, i) == value) {
            return true;
        }
    }
    return false;
}

// Whether a node's work is part of the layers that read it.
static bool is_fused(const struct accounting *accounting, const struct node *node) {
    return node->recompute && !is_output(accounting, node->output);
}

// Bytes of a value that are moved for the first time, or of those that it is made from on the way.
static double move(const struct accounting *accounting, value_id value, bool *moved) {
    const struct node *producer = producer_of(accounting, value);
    double bytes = 0;
    if (producer == NULL || !is_fused(accounting, producer)) {
        bytes = moved[value] ? 0 : value_bytes(accounting, value);
        moved[value] = true;
        return bytes;
    }
    for (int k = 0; k < producer->input_count; k++) {
        bytes += move(accounting, producer->inputs[k], moved);
    }
    return bytes;
}

// Operations of so many passes' worth of a node's products.
static double arithmetic(const struct accounting *accounting, const struct node *node,
                         double passes, bool backward) {
    const struct rates *rates = accounting->rates;
    if (node->operation->products == NULL) {
        return 0;
    }
    return rates->arithmetic != NULL
               ? rates->arithmetic(rates->context, accounting->graph, node, backward)
               : 2 * passes * node->operation->products(accounting->graph, node);
}

static double learned(const struct accounting *accounting, const struct node *node) {
    double count = 0;
    for (int i = 0; i < node->parameter_count; i++) {
        const struct parameter *parameter =
            graph_parameter_at(accounting->graph, node->parameters[i]);
        count += graph_role_is_learned(parameter->role) ? (double)parameter->count : 0;
    }
    return count;
}

static void add_layer(struct accounting *accounting, double flop, double bytes) {
    const double computing = flop / accounting->rates->flop;
    const double traffic = bytes / accounting->rates->bytes;
    accounting->sum.flop += flop;
    accounting->sum.bytes += bytes;
    accounting->sum.seconds += computing > traffic ? computing : traffic;
}

static void forward(struct accounting *accounting, const struct node *node) {
    double bytes = value_bytes(accounting, node->output);
    if (is_fused(accounting, node)) {
        return;
    }
    for (int k = 0; k < node->input_count; k++) {
        bytes += move(accounting, node->inputs[k], accounting->seen);
    }
    bytes += learned(accounting, node) * (double)precision_size(accounting->precision);
    add_layer(accounting, arithmetic(accounting, node, 1, false), bytes);
}

// Of a layer with weights: their gradient, and the input's if that is wanted; of a product of two
// activations: both gradients.
static void backward(struct accounting *accounting, const struct node *node) {
    const struct operation *operation = node->operation;
    double bytes = value_bytes(accounting, node->output);
    bool wanted = false;
    if (is_fused(accounting, node) ||
        !graph_value_at(accounting->graph, node->output)->needs_gradient) {
        return;
    }
    for (int k = 0; k < node->input_count; k++) {
        const value_id input = node->inputs[k];
        bytes += operation->reads_input[k] ? move(accounting, input, accounting->seen) : 0;
        if (graph_value_at(accounting->graph, input)->needs_gradient) {
            bytes += move(accounting, input, accounting->gradient_moved);
            wanted = true;
        }
    }
    bytes += operation->reads_output ? move(accounting, node->output, accounting->seen) : 0;
    const double weights = learned(accounting, node);
    bytes += weights *
             (double)(2 * sizeof(float) + (wanted ? precision_size(accounting->precision) : 0));
    const double passes = weights > 0 ? 1.0 + wanted : 2.0;
    add_layer(accounting, arithmetic(accounting, node, passes, true), bytes);
}

bool graph_roofline(const struct graph *graph, enum precision precision, const struct rates *rates,
                    struct roofline *roofline, struct error *error) {
    const int nodes = graph_node_count(graph);
    const size_t values = (size_t)graph_value_count(graph);
    struct accounting accounting = {.graph = graph,
                                    .precision = precision,
                                    .rates = rates,
                                    .seen = calloc(values + 1, sizeof(bool)),
                                    .gradient_moved = calloc(values + 1, sizeof(bool))};
    const bool allocated = accounting.seen != NULL && accounting.gradient_moved != NULL;
    for (int i = 0; allocated && i < nodes; i++) {
        forward(&accounting, graph_node_at(graph, i));
    }
    if (allocated && graph_mode_of(graph) == GRAPH_TRAIN) {
        for (int i = 0; i < graph_output_count(graph); i++) {
            add_layer(&accounting, 0, 2 * value_bytes(&accounting, graph_output_at(graph, i)));
        }
        memset(accounting.seen, 0, values * sizeof(bool));
        for (int i = nodes - 1; i >= 0; i--) {
            backward(&accounting, graph_node_at(graph, i));
        }
    }
    free(accounting.seen);
    free(accounting.gradient_moved);
    *roofline = accounting.sum;
    return allocated || fail(error, "no memory");
}
