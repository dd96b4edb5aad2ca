// The gradient of a convolution's bias: the output's gradient, summed over pixels.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_BIAS_GRADIENT_H
#define PLEURA_OPS_CONVOLUTION_CPU_BIAS_GRADIENT_H

#include "ops/convolution/cpu/method.h"

// Bytes.
size_t cpu_bias_gradient_workspace(const struct convolution_shape *shape);

// Adds to `bias_gradient`, unless it is NULL. Bytes do not depend on the number of threads.
void cpu_add_bias_gradient(const struct convolution_problem *problem, const void *output_gradient,
                           float *bias_gradient, float *workspace);

#endif
