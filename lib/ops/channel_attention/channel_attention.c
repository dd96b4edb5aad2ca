// channel_attention: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

// X X^T, and A X.
static double products(const struct graph *graph, const struct node *node) {
    const struct shape x = graph_shape(graph, node->output);
    return 2 * (double)shape_count(x) * (double)x.c;
}

const struct operation channel_attention_operation = {.name = "channel_attention",
                                                      .index = OPERATION_channel_attention,
                                                      .cpu = &channel_attention_cpu,
                                                      .onnx = channel_attention_onnx,
                                                      .reads_input = {true},
                                                      .products = products};

value_id channel_attention(struct graph *graph, value_id x) {
    const struct node_spec spec = {.operation = &channel_attention_operation,
                                   .name = "channel_attention",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = graph_shape(graph, x)};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
