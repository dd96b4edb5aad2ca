// pyramid_pool in ONNX: a grid's cells are means of equal windows in equal steps.
#include "onnx/onnx.h"
#include "ops/kernels.h"
#include "ops/pyramid_pool/matrices.h"

static onnx_id pool(struct onnx *model, onnx_id x, struct shape shape, size_t cells) {
    const size_t sides[] = {shape.h, shape.w};
    int64_t steps[2];
    int64_t windows[2];
    for (size_t i = 0; i < 2; i++) {
        steps[i] = (int64_t)pyramid_step(sides[i], cells);
        windows[i] = (int64_t)pyramid_window(sides[i], cells);
    }
    const onnx_id y = onnx_unary(model, "AveragePool", x);
    onnx_set_integers(model, "kernel_shape", 2, windows);
    onnx_set_integers(model, "strides", 2, steps);
    return y;
}

onnx_id pyramid_pool_onnx(struct onnx *model, const struct node *node) {
    const struct shape shape = onnx_output_shape(model, node);
    const onnx_id x = onnx_input(model, node, 0);
    onnx_id grids[PYRAMID_GRIDS];
    for (unsigned i = 0; i < PYRAMID_GRIDS; i++) {
        const onnx_id cells = pool(model, x, shape, pyramid_cells(i));
        grids[i] = onnx_bilinear(model, cells, shape.c, shape.h, shape.w);
    }
    return onnx_node(model, "Sum", PYRAMID_GRIDS, grids);
}
