// Batch normalisation folded into the convolution before it, for prediction.
#ifndef PLEURA_OPS_CONVOLUTION_FOLD_H
#define PLEURA_OPS_CONVOLUTION_FOLD_H

#include <stddef.h>

// Weights and biases (channels x inner, channels) that give what the norm makes of the
// convolution's output. `norm`: the norm's parameters, by NORM_SCALE and its like; `bias` is NULL
// where the layer has none.
void convolution_fold(const float *weights, const float *bias, const float *const *norm,
                      size_t channels, size_t inner, float *folded, float *biases);

#endif
