// group_norm in ONNX, whose operators have it from opset 18 on: each group of channels in a row is
// normalised as InstanceNormalization does one channel.
#include "onnx/onnx.h"
#include "ops/group_norm/group_norm.h"
#include "ops/kernels.h"
#include "ops/norm/formula.h"

// A vector of one number, repeated.
static onnx_id constant(struct onnx *model, size_t count, float value) {
    float *values = onnx_numbers(model, count);
    for (size_t i = 0; values != NULL && i < count; i++) {
        values[i] = value;
    }
    return onnx_floats(model, NULL, 1, &count, values);
}

static onnx_id normalised(struct onnx *model, const struct node *node) {
    const struct group_norm_attributes *attributes = node->attributes;
    const struct shape shape = onnx_output_shape(model, node);
    const size_t groups = attributes->groups;
    const int64_t rows[] = {0, (int64_t)groups, -1};
    const int64_t map[] = {0, (int64_t)shape.c, (int64_t)shape.h, (int64_t)shape.w};
    const onnx_id inputs[] = {onnx_reshape(model, onnx_input(model, node, 0), 3, rows),
                              constant(model, groups, 1), constant(model, groups, 0)};
    const onnx_id y = onnx_node(model, "InstanceNormalization", 3, inputs);
    onnx_set_number(model, "epsilon", NORM_EPSILON);
    return onnx_reshape(model, y, 4, map);
}

onnx_id group_norm_onnx(struct onnx *model, const struct node *node) {
    const struct group_norm_attributes *attributes = node->attributes;
    const size_t shape[] = {onnx_output_shape(model, node).c, 1, 1};
    const onnx_id scale = onnx_parameter_as(model, node, GROUP_NORM_SCALE, 3, shape);
    const onnx_id shift = onnx_parameter_as(model, node, GROUP_NORM_SHIFT, 3, shape);
    onnx_id y = onnx_binary(model, "Mul", normalised(model, node), scale);
    y = onnx_binary(model, "Add", y, shift);
    if (node->input_count > 1) {
        y = onnx_binary(model, "Add", y, onnx_input(model, node, 1));
    }
    return attributes->relu ? onnx_unary(model, "Relu", y) : y;
}

onnx_id group_norm_residual_onnx(struct onnx *model, const struct node *node) {
    return group_norm_onnx(model, node);
}
