// head_convolution: what it is.
#include "ops/head_convolution/head_convolution.h"

#include "ops/kernels.h"
#include "ops/ops.h"

static double products(const struct graph *graph, const struct node *node) {
    return (double)shape_count(graph_shape(graph, node->inputs[0]));
}

const struct operation head_convolution_operation = {.name = "head_convolution",
                                                     .index = OPERATION_head_convolution,
                                                     .cpu = &head_convolution_cpu,
                                                     .cpu_rows = &head_convolution_rows,
                                                     .onnx = head_convolution_onnx,
                                                     .reads_input = {true},
                                                     .gradient_over_input = true,
                                                     .products = products};

value_id head_convolution(struct graph *graph, value_id x, const char *name, double dropout) {
    const struct shape in = graph_shape(graph, x);
    const size_t shape[] = {1, in.c, 1, 1};
    const struct head_convolution_attributes attributes = {
        graph_mode_of(graph) == GRAPH_TRAIN ? dropout : 0};
    if (x == NO_VALUE) {
        return NO_VALUE;
    }
    const int weights =
        graph_parameter(graph, graph_name("%s.weight", name).text, ROLE_CONVOLUTION, 4, shape);
    const int shift =
        graph_parameter(graph, graph_name("%s.bias", name).text, ROLE_SHIFT, 1, shape);
    const struct node_spec spec = {.operation = &head_convolution_operation,
                                   .name = name,
                                   .inputs = {x},
                                   .input_count = 1,
                                   .parameters = {weights, shift},
                                   .parameter_count = 2,
                                   .shape = {in.n, in.h, in.w, 1},
                                   .storage = STORAGE_FLOAT,
                                   .attributes = &attributes,
                                   .attribute_bytes = sizeof attributes};
    return graph_node(graph, &spec);
}
