// Outputs of tiles of 4 x 4 in bf16.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_OUTPUT_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_OUTPUT_H

#include "ops/convolution/cpu/winograd/tiles.h"

// transform_output of such tiles by AVX-512, whose instruction rounds; NULL: this processor does
// not have it.
typedef void output_transform(const float *from, size_t step, struct epilogue epilogue,
                              size_t channel, void *output, const struct pixels *pixels,
                              const struct pixels *next);
output_transform *transform_output_bf16(void);

#endif
