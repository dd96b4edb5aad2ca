// upsample in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id upsample_onnx(struct onnx *model, const struct node *node) {
    const struct shape shape = onnx_output_shape(model, node);
    const onnx_id x = onnx_input(model, node, 0);
    return shape_equal(shape, onnx_input_shape(model, node, 0))
               ? x
               : onnx_bilinear(model, x, shape.c, shape.h, shape.w);
}
