// Winograd's method by products of int16, for activations of bf16: tiles of 4 x 4 outputs, of which
// the numbers at the points become int16. Those of a tile at a point share a scale, 64 channels at
// a time; so do the weights of an output channel at a point. The sums of such a part are exact.
// Numbers of 15 bits and weights of 12 to 15 make half the error that weights of bf16 make.
//
// An input channel with small weights may have large numbers, which would leave few bits to the
// others: numbers are multiplied by a factor for each channel, and weights divided by it, so that
// weights of all channels are about as large.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_INT16_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_INT16_INT16_H

#include "ops/convolution/cpu/winograd/winograd.h"

struct winograd_int16_weights {
    struct winograd_weights source;
    float *factors;       // of the channels, filled up to pairs
    float *scales;        // (part, point, output channel)
    int16_t *transformed; // (part, point, panel, pair of channels, lane, which of the pair); NULL:
                          // made where they are used
    int16_t *packed;      // the weights over their factors, (panel, channel, tap, lane), where they
                          // take the source's place behind cpu_winograd_int16_weights; NULL: no
    float *packed_scales; // theirs: (part, output channel)
};

// Numbers of each.
size_t cpu_winograd_int16_factors(const struct winograd *shape);
size_t cpu_winograd_int16_scales(const struct winograd *shape);
size_t cpu_winograd_int16_transformed(const struct winograd *shape);
size_t cpu_winograd_int16_packed(const struct winograd *shape);
size_t cpu_winograd_int16_packed_scales(const struct winograd *shape);

// Fills in all but the source.
void cpu_winograd_int16_weights(const struct winograd *shape,
                                const struct winograd_int16_weights *weights);

// An image's bytes depend neither on the other images nor on the number of threads. Workspace in
// bytes.
size_t cpu_winograd_int16_workspace(const struct winograd *shape);
void cpu_winograd_int16_convolve(const struct winograd *shape, const void *input,
                                 const struct winograd_int16_weights *weights,
                                 struct epilogue epilogue, void *output, void *workspace);

#endif
