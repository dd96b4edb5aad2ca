// The bias's gradient of a convolution by CUDA: sums of the output's gradient over all pixels.
#ifndef PLEURA_OPS_CONVOLUTION_CUDA_BIAS_GRADIENT_H
#define PLEURA_OPS_CONVOLUTION_CUDA_BIAS_GRADIENT_H

#include "backend/cuda/cuda.h"

// Bytes of scratch memory that it needs.
size_t cuda_bias_scratch(size_t channels);

// Queues the sums over `rows` pixels of `channels` numbers of the backend's precision, which are
// added to `gradient`.
void cuda_bias_gradient(struct backend *backend, const void *output_gradient, size_t rows,
                        size_t channels, float *gradient, void *scratch);

#endif
