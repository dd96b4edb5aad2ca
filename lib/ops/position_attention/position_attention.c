// position_attention: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

// Every pixel's q with every other's, and the sum of all v.
static double products(const struct graph *graph, const struct node *node) {
    const struct shape q = graph_shape(graph, node->inputs[0]);
    const struct shape v = graph_shape(graph, node->inputs[1]);
    const double pixels = (double)(v.h * v.w);
    return (double)v.n * pixels * pixels * (double)(q.c + v.c);
}

const struct operation position_attention_operation = {.name = "position_attention",
                                                       .index = OPERATION_position_attention,
                                                       .cpu = &position_attention_cpu,
                                                       .onnx = position_attention_onnx,
                                                       .reads_input = {true, true},
                                                       .reads_output = true,
                                                       .products = products};

value_id position_attention(struct graph *graph, value_id q, value_id v) {
    const struct shape keys = graph_shape(graph, q);
    const struct shape shape = graph_shape(graph, v);
    if (q == NO_VALUE || v == NO_VALUE) {
        return NO_VALUE;
    }
    if (keys.n != shape.n || keys.h != shape.h || keys.w != shape.w) {
        graph_fail(graph, "position_attention: shapes differ");
        return NO_VALUE;
    }
    const struct node_spec spec = {.operation = &position_attention_operation,
                                   .name = "position_attention",
                                   .inputs = {q, v},
                                   .input_count = 2,
                                   .shape = shape};
    return graph_node(graph, &spec);
}
