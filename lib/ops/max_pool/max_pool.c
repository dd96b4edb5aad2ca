// max_pool: what it is.
#include "ops/max_pool/max_pool.h"

#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation max_pool_operation = {.name = "max_pool",
                                             .index = OPERATION_max_pool,
                                             .cpu = &max_pool_cpu,
                                             .cpu_rows = &max_pool_rows,
                                             .onnx = max_pool_onnx};

static value_id pool(struct graph *graph, value_id x, struct max_pool_attributes attributes) {
    const struct shape in = graph_shape(graph, x);
    const size_t least = attributes.window - 2 * attributes.pad;
    if (x == NO_VALUE) {
        return NO_VALUE;
    }
    if (in.h < least || in.w < least) {
        graph_fail(graph, "max_pool: a map of %zu x %zu is too small", in.h, in.w);
        return NO_VALUE;
    }
    const struct node_spec spec = {
        .operation = &max_pool_operation,
        .name = "max_pool",
        .inputs = {x},
        .input_count = 1,
        .shape = {in.n, (in.h - least) / 2 + 1, (in.w - least) / 2 + 1, in.c},
        .attributes = &attributes,
        .attribute_bytes = sizeof attributes};
    return graph_node(graph, &spec);
}

value_id max_pool(struct graph *graph, value_id x) {
    return pool(graph, x, (struct max_pool_attributes){3, 1});
}

value_id max_pool_2(struct graph *graph, value_id x) {
    return pool(graph, x, (struct max_pool_attributes){2, 0});
}
