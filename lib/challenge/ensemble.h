// The arithmetic of an ensemble: the mean of several networks' maps, and which images count as
// having a lesion.
#ifndef PLEURA_CHALLENGE_ENSEMBLE_H
#define PLEURA_CHALLENGE_ENSEMBLE_H

#include "image/image.h"
#include "stream/record.h"

// Whether it is float16, float32 or float64.
bool dtype_is_float(enum dtype type);

// The weighted mean, element by element, of `count` tensors of floating type and one shape:
// (weights[0] inputs[0] + weights[1] inputs[1] + ...) / (weights[0] + weights[1] + ...), each sum
// from left to right in double, rounded once to `type` (floating; nearest, ties to even). So the
// result depends on no vector width; for float16 inputs and equal weights it is the exact mean,
// rounded. `mean` has memory for all elements and needs no alignment.
void ensemble_mean(const struct tensor *const *inputs, const double *weights, size_t count,
                   enum dtype type, void *mean);

// Of the same tensors the standard deviation, element by element: with m the mean above, not
// rounded, sqrt((weights[0] (inputs[0] - m)^2 + weights[1] (inputs[1] - m)^2 + ...) / (weights[0] +
// weights[1] + ...)), sums from left to right in double, rounded once. It is that of these streams
// alone, not an estimate for others (numpy's std with its ddof of 0).
void ensemble_deviation(const struct tensor *const *inputs, const double *weights, size_t count,
                        enum dtype type, void *deviation);

// mask = 1 where the record's `probability` (floating type, height x width) is strictly above the
// threshold. The mask is allocated anew where the size differs; the caller frees it. Fails for a
// record without such a tensor, for a number in it that is not finite, and for sizes above the
// limits of image.h.
CHECKED bool mask_from_probability(const struct record *record, double threshold,
                                   struct image *mask, struct error *error);

// The same for `mask` (u1, height x width), which holds 0 and 1 only.
CHECKED bool mask_from_sample(const struct record *record, struct image *mask, struct error *error);

// The area at rank floor(count * ratio) of the descending order, or 0 where there is no such rank:
// images strictly above it count as having a lesion. Sorts `areas`.
int64_t ensemble_area_threshold(int64_t *areas, size_t count, double ratio);

#endif
