// Convolutions of the CPU backend: float32 by our own products where the processor has what they
// are made of, all else by oneDNN.
#include "backend/cpu.h"
#include "backend/cpu_f32.h"
#include "backend/cpu_panels.h"
#include "backend/onednn_convolution.h"

#include <stdlib.h>

// One of the two.
struct cpu_convolution {
    struct panels *panels;
    struct onednn_convolution *onednn;
};

struct cpu_convolution *cpu_convolution_plan(struct backend *backend,
                                             const struct convolution_shape *shape,
                                             struct error *error) {
    struct cpu_convolution *made = calloc(1, sizeof *made);
    if (made == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    if (cpu_f32_products() && panels_suit(backend, shape)) {
        made->panels = panels_plan(backend, shape, error);
    } else {
        made->onednn = onednn_convolution_plan(backend, shape, error);
    }
    if (made->panels == NULL && made->onednn == NULL) {
        free(made);
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

size_t cpu_convolution_scratch(const struct cpu_convolution *convolution) {
    return convolution->panels != NULL ? panels_scratch(convolution->panels)
                                       : onednn_convolution_scratch(convolution->onednn);
}

void cpu_convolution_weights(struct cpu_convolution *convolution, const float *weights) {
    if (convolution->panels != NULL) {
        panels_weights(convolution->panels, weights);
    } else {
        onednn_convolution_weights(convolution->onednn, weights);
    }
}

void cpu_convolution_forward(struct cpu_convolution *convolution, const void *input,
                             const float *bias, void *output, void *scratch) {
    if (convolution->panels != NULL) {
        panels_forward(convolution->panels, input, bias, output, scratch);
    } else {
        onednn_convolution_forward(convolution->onednn, input, bias, output, scratch);
    }
}

void cpu_convolution_backward(struct cpu_convolution *convolution, const void *input,
                              const void *output_gradient, void *input_gradient,
                              float *weight_gradient, float *bias_gradient, void *scratch) {
    if (convolution->panels != NULL) {
        panels_backward(convolution->panels, input, output_gradient, input_gradient,
                        weight_gradient, bias_gradient, scratch);
    } else {
        onednn_convolution_backward(convolution->onednn, input, output_gradient, input_gradient,
                                    weight_gradient, bias_gradient, scratch);
    }
}
