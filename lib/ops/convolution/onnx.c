// convolution in ONNX: norms folded into weights, sum and ReLU behind it.
#include "ops/convolution/convolution.h"

#include "onnx/onnx.h"
#include "ops/convolution/fold.h"
#include "ops/kernels.h"
#include "ops/norm/norm.h"

// The tensors of weights and bias; none for a layer without either.
struct parts {
    onnx_id weights, bias;
};

// In place of the layer's own weights and bias. A bias that it has not takes its weights' name.
static struct parts folded_parts(struct onnx *model, const struct node *node,
                                 const size_t shape[4]) {
    const struct convolution_attributes *layer = node->attributes;
    const size_t inner = shape[1] * shape[2] * shape[3];
    float *weights = onnx_numbers(model, shape[0] * inner);
    float *bias = onnx_numbers(model, shape[0]);
    const float *norm[NORM_PARAMETERS];
    for (int i = 0; i < NORM_PARAMETERS; i++) {
        norm[i] = onnx_values(model, node, 1 + layer->bias + i);
    }
    if (weights != NULL && bias != NULL) {
        convolution_fold(onnx_values(model, node, 0),
                         layer->bias ? onnx_values(model, node, 1) : NULL, norm, shape[0], inner,
                         weights, bias);
    }
    return (struct parts){
        onnx_floats(model, graph_name("%s.weight", node->name).text, 4, shape, weights),
        onnx_floats(model, graph_name("%s.bias", node->name).text, 1, shape, bias)};
}

static struct parts own_parts(struct onnx *model, const struct node *node, const size_t shape[4]) {
    const struct convolution_attributes *layer = node->attributes;
    return (struct parts){onnx_parameter_as(model, node, 0, 4, shape),
                          layer->bias ? onnx_parameter(model, node, 1) : ONNX_NONE};
}

onnx_id convolution_onnx(struct onnx *model, const struct node *node) {
    const struct convolution_attributes *layer = node->attributes;
    const size_t shape[] = {onnx_output_shape(model, node).c,
                            onnx_input_shape(model, node, 0).c / layer->groups, layer->window,
                            layer->window};
    const int64_t stride = (int64_t)layer->stride;
    const int64_t pad = (int64_t)layer->pad;
    const struct parts parts =
        layer->norm ? folded_parts(model, node, shape) : own_parts(model, node, shape);
    const onnx_id inputs[] = {onnx_input(model, node, 0), parts.weights, parts.bias};
    onnx_id y = onnx_node(model, "Conv", parts.bias == ONNX_NONE ? 2 : 3, inputs);
    onnx_set_integers(model, "strides", 2, (const int64_t[]){stride, stride});
    onnx_set_integers(model, "pads", 4, (const int64_t[]){pad, pad, pad, pad});
    onnx_set_integer(model, "group", (int64_t)layer->groups);
    if (node->input_count > 1) {
        y = onnx_binary(model, "Add", y, onnx_input(model, node, 1));
    }
    return layer->relu ? onnx_unary(model, "Relu", y) : y;
}
