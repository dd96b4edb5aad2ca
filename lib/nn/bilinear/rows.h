// Up-sampling on the CPU: arithmetic on rows of pixels, in either direction and both passes.
#ifndef PLEURA_OPS_UPSAMPLE_CPU_ROWS_H
#define PLEURA_OPS_UPSAMPLE_CPU_ROWS_H

#include "backend/backend.h"
#include "nn/bilinear/weights.h"

// result = (1 - share) * a + share * b, `count` numbers each.
void upsample_between(const float *a, const float *b, float share, size_t count, float *result);

// The pixels of an output row, from a row of the input's width.
void upsample_stretch(const struct bilinear_weights *along, const float *row, size_t channels,
                      float *out);

// Backward, an input's gradient is a weighted sum of those outputs that it goes into: at most so
// many are summed at once, as many as there are to twice the size, but at the edges.
#define UPSAMPLE_TOGETHER ((size_t)4)

// sum = the rows * their weights, 1 to UPSAMPLE_TOGETHER rows of `count` numbers; or with `add` +=.
void upsample_mix(enum precision stored, size_t row_count, const void *const *rows,
                  const float *weights, size_t count, bool add, float *sum);

// dx += what reaches the pixels of an input row from `sums`, pixels of an output row's width.
void upsample_shrink(const struct bilinear_weights *along, const float *sums, size_t channels,
                     float *dx);

#endif
