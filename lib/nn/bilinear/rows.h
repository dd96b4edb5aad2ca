// Bilinear interpolation of rows of pixels, in either direction, and the gradients of its results,
// on the calling thread.
#ifndef PLEURA_NN_BILINEAR_ROWS_H
#define PLEURA_NN_BILINEAR_ROWS_H

#include "backend/backend.h"
#include "nn/bilinear/weights.h"

// result = (1 - share) * a + share * b, `count` numbers each.
void bilinear_between(const float *a, const float *b, float share, size_t count, float *result);

// The pixels of an output row, from a row of the input's width.
void bilinear_stretch(const struct bilinear_weights *along, const float *row, size_t channels,
                      float *out);

// sum = what reaches an input row from the output rows that it goes into, of `count` numbers each:
// a sum of these rows times their weights.
void bilinear_gather_rows(const struct bilinear_weights *down, enum precision stored,
                          const void *rows, size_t count, size_t row, float *sum);

// dx += what reaches the pixels of an input row from `sums`, pixels of an output row's width.
void bilinear_shrink(const struct bilinear_weights *along, const float *sums, size_t channels,
                     float *dx);

#endif
