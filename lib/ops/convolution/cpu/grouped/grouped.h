// Grouped and depthwise convolution: each output channel is a lane of a vector, and a lane sees the
// input channels of its own group only. A part of the image, some rows of some channels, is copied
// with its borders of zeros to where it stays in the second-level cache; so windows have no edges
// there, channels lie one behind the other, and activations of bf16 have become float32.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_GROUPED_GROUPED_H
#define PLEURA_OPS_CONVOLUTION_CPU_GROUPED_GROUPED_H

#include "ops/convolution/cpu/direct/direct.h"
#include "ops/convolution/cpu/epilogue.h"

// Both sides have the same channels. A tile is at most `rows` rows of output in `slab` channels.
struct grouped_plan {
    struct direct_plan direct; // what is read and written; what lies where
    struct taps taps;
    size_t width; // channels of a group
    size_t lanes; // of a vector
    size_t rows, slab;
};

// Whether groups are of a width that there is code for, and channels make whole vectors.
CHECKED bool grouped_suits(const struct convolution_shape *shape);

// Takes the geometry of a plan: chooses vectors and tiles.
void grouped_plan_tiles(struct grouped_plan *plan, const struct convolution_shape *shape);

// Floats of weights by vectors: (vector, window row, window column, input channel of the group,
// lane).
size_t grouped_weights_size(const struct grouped_plan *plan);
void grouped_pack_weights(const struct grouped_plan *plan, const float *weights, float *packed);

// Writes to `output` from its number `first` on. An image's bytes depend neither on the other
// images nor on the number of threads. The workspace is in bytes.
size_t grouped_workspace(const struct grouped_plan *plan);
void grouped_convolve(const struct grouped_plan *plan, const void *input, const float *weights,
                      struct epilogue epilogue, void *output, size_t first, void *workspace);

// Adds the weights' gradient. Bytes do not depend on the number of threads.
size_t grouped_gradient_workspace(const struct grouped_plan *plan);
void grouped_weight_gradient(const struct grouped_plan *plan, const void *input,
                             const void *output_gradient, float *gradient, void *workspace);

#endif
