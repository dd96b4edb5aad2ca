// A convolution's plan on the CPU: each pass of a layer with the method that does it.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_PLAN_H
#define PLEURA_OPS_CONVOLUTION_CPU_PLAN_H

#include "ops/convolution/cpu/method.h"

struct cpu_convolution;

// Plans the forward pass, with `train` the weights' gradient, too, and with `input_gradient` the
// input's. NULL with *error.
CHECKED struct cpu_convolution *cpu_convolution_plan(struct backend *backend,
                                                     const struct convolution_shape *shape,
                                                     struct error *error);
void cpu_convolution_release(struct cpu_convolution *convolution);

// The name of the method that a pass goes by; NULL: the pass is not planned.
const char *cpu_convolution_method(const struct cpu_convolution *convolution,
                                   enum convolution_pass pass);

// The workspace that any pass needs, in bytes.
size_t cpu_convolution_workspace(const struct cpu_convolution *convolution);

// Takes new weights, OIHW. They stay where they are until the backward pass has run.
void cpu_convolution_prepare(struct cpu_convolution *convolution, const float *weights);

// `bias` holds out_channels floats, NULL without. With `sum` the layer is added to what the output
// holds.
void cpu_convolution_forward(struct cpu_convolution *convolution, const void *input,
                             const float *bias, void *output, void *workspace);

// Whether rows of a layer's output can be made alone, by the method that would be planned.
bool cpu_convolution_by_rows(struct backend *backend, const struct convolution_shape *shape);

// Makes rows of an image's output; addresses are those of whole tensors. The workspace of the
// calling thread has so many bytes; 0 where rows cannot be made.
size_t cpu_convolution_row_workspace(const struct cpu_convolution *convolution);
void cpu_convolution_forward_rows(struct cpu_convolution *convolution, const void *input,
                                  const float *bias, void *output, struct convolution_rows rows,
                                  void *workspace);

// The input's gradient is written, last: it may lie where the input does; those of the weights
// (OIHW) and of the bias are added to. NULL: not wanted.
void cpu_convolution_backward(struct cpu_convolution *convolution, const void *input,
                              const void *output_gradient, void *input_gradient,
                              float *weight_gradient, float *bias_gradient, void *workspace);

#endif
