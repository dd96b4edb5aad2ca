// Direct convolution: products of the pixels as they lie with weights in panels. A window's row of
// pixels is one run of numbers in images x height x width x channels, so nothing is padded: windows
// that reach over an edge leave out taps. Activations of bf16 become float32 a few rows at a time,
// and the results bf16 again.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_DIRECT_DIRECT_H
#define PLEURA_OPS_CONVOLUTION_CPU_DIRECT_DIRECT_H

#include "ops/convolution/cpu/phases.h"

// The functions of a struct phased_convolution. Output channels must make panels: multiples of 16.
// Of 8 channels two neighbouring pixels count as one.
CHECKED bool direct_complete(struct phase_plan *plan);

// Weights in panels: (window row, panel, window column and channel, lane).
size_t direct_weights_size(const struct phase_plan *plan);
void direct_pack_weights(const struct phase_plan *plan, const float *weights, float *packed);

size_t direct_workspace(const struct phase_plan *plan);
void direct_convolve(const struct phase_plan *plan, const void *input, const float *weights,
                     struct epilogue epilogue, void *output, size_t first, void *workspace);

size_t direct_row_workspace(const struct phase_plan *plan);
void direct_convolve_rows(const struct phase_plan *plan, const void *input, const float *weights,
                          struct epilogue epilogue, void *output, struct convolution_rows rows,
                          void *workspace);

void direct_convolve_phases(const struct phase_job *jobs, size_t count, const void *output_gradient,
                            void *input_gradient, void *workspace);

size_t direct_gradient_workspace(const struct phase_plan *plan);
void direct_weight_gradient(const struct phase_plan *plan, const void *input,
                            const void *output_gradient, float *gradient, void *workspace);

#endif
