// Counting what a graph costs.
#include "nn/cost/cost.h"

#include "nn/operation.h"

struct cost graph_cost(const struct graph *graph) {
    struct cost cost = {0, 0, 0};
    for (int i = 0; i < graph_node_count(graph); i++) {
        const struct node *node = graph_node_at(graph, i);
        if (node->operation->products != NULL) {
            cost.flop += 2 * node->operation->products(graph, node);
        }
    }
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        cost.values += parameter->count;
        cost.parameters += graph_role_is_learned(parameter->role) ? parameter->count : 0;
    }
    return cost;
}
