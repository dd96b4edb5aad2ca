// Masks: images of 0 (background) and 1 (lesion).
#ifndef PLEURA_IMAGE_MASK_H
#define PLEURA_IMAGE_MASK_H

#include "image/image.h"

// out = 1 wherever the k x k box around a pixel of `in` meets a 1; for even k the box reaches from
// -k/2 to k/2 - 1 (OpenCV's anchor k / 2). `out` has been allocated with in's size. Time does not
// depend on k.
CHECKED bool mask_dilate(struct image *out, const struct image *in, size_t k, struct error *error);

// Pixels that are 1.
size_t mask_area(const struct image *mask);

// mask = 1 where a number is strictly above the threshold (NaN is not): height x width
// little-endian fp16, floats or doubles, row-major, unaligned. The comparison is exact.
void mask_above_fp16(struct image *mask, const void *fp16, double threshold);
void mask_above_float(struct image *mask, const void *floats, double threshold);
void mask_above_double(struct image *mask, const void *doubles, double threshold);

#endif
