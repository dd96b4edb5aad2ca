// channel_attention: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation channel_attention_operation = {
    .name = "channel_attention", .kernels = {&channel_attention_cpu}, .reads_input = {true}};

value_id channel_attention(struct graph *graph, value_id x) {
    const struct node_spec spec = {.operation = &channel_attention_operation,
                                   .name = "channel_attention",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = graph_shape(graph, x)};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
