// Convolutions on the CPU: by our own products in float32, or by oneDNN, which has products
// of bf16 where the processor has them. Every processor takes either precision.
#include "ops/convolution/cpu/onednn/convolution.h"
#include "ops/convolution/cpu/convolution.h"

#include "backend/cpu/level.h"
#include "backend/cpu/products/bf16.h"
#include "backend/cpu/products/f32.h"
#include "ops/convolution/cpu/panels.h"

#include <stdlib.h>

// One of the two, or both: oneDNN's, and the weights' and the bias's gradients in panels.
// `widened`: oneDNN's in float32, on activations of bf16.
struct cpu_convolution {
    struct panels *panels;
    struct onednn_convolution *onednn;
    bool widened;
};

// What a layer is made by.
enum method { PANELS, ONEDNN, ONEDNN_WIDENED, ONEDNN_AND_PANELS };

// What oneDNN makes of bf16 with matrix units is ahead of our own products always; but oneDNN 2.6
// plans some layers' weights' gradients with them for ever, and crashes in others' (3 x 3 from 8 to
// 8 channels at 768 x 768, from 32 to 8 at 384 x 384). By vectors it is ahead of our own products
// where those are direct ones, and bf16's products are ahead of float32's.
static enum method method_of(const struct backend *backend, const struct convolution_shape *shape) {
    const bool panels = cpu_f32_products() && panels_suit(backend, shape);
    if (backend->precision == PRECISION_F32) {
        return panels ? PANELS : ONEDNN;
    }
    if (cpu_bf16_products() && onednn_has_matrix_unit()) {
        return !shape->train ? ONEDNN : panels ? ONEDNN_AND_PANELS : ONEDNN_WIDENED;
    }
    if (panels && (!cpu_bf16_ahead() || panels_save(backend, shape))) {
        return PANELS;
    }
    return cpu_bf16_products() ? ONEDNN : ONEDNN_WIDENED;
}

struct cpu_convolution *cpu_convolution_plan(struct backend *backend,
                                             const struct convolution_shape *shape,
                                             struct error *error) {
    struct cpu_convolution *made = calloc(1, sizeof *made);
    if (made == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    const enum method method = method_of(backend, shape);
    const bool both = method == ONEDNN_AND_PANELS;
    bool planned = true;
    if (method == PANELS || both) {
        made->panels = panels_plan(backend, shape, both, error);
        planned = made->panels != NULL;
    }
    if (planned && method != PANELS) {
        struct backend wide = *backend;
        made->widened = method == ONEDNN_WIDENED;
        wide.precision = made->widened ? PRECISION_F32 : backend->precision;
        made->onednn = onednn_convolution_plan(&wide, shape, !both, error);
        planned = made->onednn != NULL;
    }
    if (!planned) {
        cpu_convolution_release(made);
        return NULL;
    }
    return made;
}

void cpu_convolution_release(struct cpu_convolution *convolution) {
    if (convolution != NULL) {
        panels_release(convolution->panels);
        onednn_convolution_release(convolution->onednn);
        free(convolution);
    }
}

// ---- widened: both sides as floats come first in scratch memory

static size_t inputs_of(const struct convolution_shape *shape) {
    return shape->images * shape->height * shape->width * shape->channels;
}

static size_t outputs_of(const struct convolution_shape *shape) {
    return shape->images * shape->out_height * shape->out_width * shape->out_channels;
}

struct wide {
    float *input, *output;
    char *scratch; // oneDNN's
};

static struct wide wide_of(const struct convolution_shape *shape, char *scratch) {
    char *output = scratch + onednn_room(inputs_of(shape) * sizeof(float));
    return (struct wide){(float *)(void *)scratch, (float *)(void *)output,
                         output + onednn_room(outputs_of(shape) * sizeof(float))};
}

static size_t wide_bytes(const struct convolution_shape *shape) {
    return onednn_room(inputs_of(shape) * sizeof(float)) +
           onednn_room(outputs_of(shape) * sizeof(float));
}

size_t cpu_convolution_scratch(const struct cpu_convolution *convolution) {
    const size_t panels = convolution->panels != NULL ? panels_scratch(convolution->panels) : 0;
    if (convolution->onednn == NULL) {
        return panels;
    }
    const size_t onednn = onednn_convolution_scratch(convolution->onednn) +
                          (convolution->widened ? wide_bytes(&convolution->onednn->shape) : 0);
    return panels > onednn ? panels : onednn;
}

void cpu_convolution_weights(struct cpu_convolution *convolution, const float *weights) {
    if (convolution->onednn != NULL) {
        onednn_convolution_weights(convolution->onednn, weights);
    } else {
        panels_weights(convolution->panels, weights);
    }
}

static void forward_widened(struct cpu_convolution *convolution, const void *input,
                            const float *bias, void *output, char *scratch) {
    const struct convolution_shape *shape = &convolution->onednn->shape;
    const struct wide wide = wide_of(shape, scratch);
    (void)cpu_read(PRECISION_BF16, input, 0, inputs_of(shape), wide.input);
    if (shape->sum) {
        (void)cpu_read(PRECISION_BF16, output, 0, outputs_of(shape), wide.output);
    }
    onednn_convolution_forward(convolution->onednn, wide.input, bias, wide.output, wide.scratch);
    cpu_write(PRECISION_BF16, output, 0, outputs_of(shape), wide.output);
}

void cpu_convolution_forward(struct cpu_convolution *convolution, const void *input,
                             const float *bias, void *output, void *scratch) {
    if (convolution->onednn == NULL) {
        panels_forward(convolution->panels, input, bias, output, scratch);
    } else if (convolution->widened) {
        forward_widened(convolution, input, bias, output, scratch);
    } else {
        onednn_convolution_forward(convolution->onednn, input, bias, output, scratch);
    }
}

// The input's gradient takes the input's place, which has been read by then.
static void backward_widened(struct cpu_convolution *convolution, const void *input,
                             const void *output_gradient, void *input_gradient,
                             float *weight_gradient, float *bias_gradient, char *scratch) {
    const struct convolution_shape *shape = &convolution->onednn->shape;
    const struct wide wide = wide_of(shape, scratch);
    if (weight_gradient != NULL) {
        (void)cpu_read(PRECISION_BF16, input, 0, inputs_of(shape), wide.input);
    }
    (void)cpu_read(PRECISION_BF16, output_gradient, 0, outputs_of(shape), wide.output);
    onednn_convolution_backward(convolution->onednn, wide.input, wide.output,
                                input_gradient != NULL ? wide.input : NULL, weight_gradient,
                                bias_gradient, wide.scratch);
    if (input_gradient != NULL) {
        cpu_write(PRECISION_BF16, input_gradient, 0, inputs_of(shape), wide.input);
    }
}

void cpu_convolution_backward(struct cpu_convolution *convolution, const void *input,
                              const void *output_gradient, void *input_gradient,
                              float *weight_gradient, float *bias_gradient, void *scratch) {
    if (convolution->panels != NULL) {
        const bool both = convolution->onednn != NULL;
        panels_backward(convolution->panels, input, output_gradient, both ? NULL : input_gradient,
                        weight_gradient, bias_gradient, scratch);
        if (both) {
            onednn_convolution_backward(convolution->onednn, input, output_gradient, input_gradient,
                                        NULL, NULL, scratch);
        }
    } else if (convolution->widened) {
        backward_widened(convolution, input, output_gradient, input_gradient, weight_gradient,
                         bias_gradient, scratch);
    } else {
        onednn_convolution_backward(convolution->onednn, input, output_gradient, input_gradient,
                                    weight_gradient, bias_gradient, scratch);
    }
}
