// Grouped and depthwise convolution: each output channel is a lane of a vector, and a lane sees the
// input channels of its own group only. Activations are read where they lie; what a window has
// outside of the image is left out.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_GROUPED_GROUPED_H
#define PLEURA_OPS_CONVOLUTION_CPU_GROUPED_GROUPED_H

#include "ops/convolution/cpu/phases.h"

// The functions of a struct phased_convolution. Groups are of a width that there is code for, both
// sides have the same channels, and these make whole vectors.
CHECKED bool grouped_complete(struct phase_plan *plan);

// Weights by vectors: (vector, window row, window column, input channel of the group, lane).
size_t grouped_weights_size(const struct phase_plan *plan);
void grouped_pack_weights(const struct phase_plan *plan, const float *weights, float *packed);

size_t grouped_workspace(const struct phase_plan *plan);
void grouped_convolve(const struct phase_plan *plan, const void *input, const float *weights,
                      struct epilogue epilogue, void *output, size_t first, void *workspace);

size_t grouped_row_workspace(const struct phase_plan *plan);
void grouped_convolve_rows(const struct phase_plan *plan, const void *input, const float *weights,
                           struct epilogue epilogue, void *output, struct convolution_rows rows,
                           void *workspace);

void grouped_convolve_phases(const struct phase_job *jobs, size_t count,
                             const void *output_gradient, void *input_gradient, void *workspace);

size_t grouped_gradient_workspace(const struct phase_plan *plan);
void grouped_weight_gradient(const struct phase_plan *plan, const void *input,
                             const void *output_gradient, float *gradient, void *workspace);

#endif
