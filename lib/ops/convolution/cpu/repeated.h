// 3 x 3 convolutions over repeated pixels, each 2 x 2 of which are the same: two of the three rows,
// or columns, of a window see the same numbers, so windows of 2 x 2 with sums of weights make every
// other pixel in either direction: four phases of 4/9 of the products in all. An even pixel's
// window begins one pixel before its own, an odd one's at its own.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_REPEATED_H
#define PLEURA_OPS_CONVOLUTION_CPU_REPEATED_H

#include "ops/convolution/cpu/method.h"

enum { REPEATED = 2, REPEATED_PHASES = REPEATED * REPEATED };

// Whether the pass is a forward one that can be made so; and what share of the products it makes.
bool repeated_suits(const struct convolution_problem *problem);
double repeated_share(const struct convolution_problem *problem);

// The pixel before the image's first at which the first window of a phase begins: 1 or -1.
static inline ptrdiff_t repeated_pad(size_t of_direction) {
    return of_direction == 0 ? 1 : -1;
}

// Weights of a phase, 2 x 2 each, of `windows` ones of 3 x 3.
void repeated_weights(const float *weights, size_t windows, size_t phase, float *sums);

// The number of a phase's first pixel in an image's output, and its rows among some of the output.
size_t repeated_first(const struct convolution_shape *shape, size_t phase);
struct convolution_rows repeated_rows(struct convolution_rows rows, size_t phase);

#endif
