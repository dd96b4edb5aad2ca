// What the rows of the list that go by Winograd's method share.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_METHOD_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_METHOD_H

#include "ops/convolution/cpu/winograd/winograd.h"

// Whether the layer is one of Winograd's method, with channels and pixels enough to save something.
bool winograd_takes(const struct convolution_problem *problem);

// Whether there are so many channels on both sides.
static inline bool winograd_has_channels(const struct convolution_problem *problem, size_t least) {
    return problem->shape.channels >= least && problem->shape.out_channels >= least;
}

// The pass as a convolution by tiles of `tile` x `tile` outputs.
struct winograd winograd_tiles_for(const struct convolution_problem *problem, size_t tile);

// Whether a layer's passes make transformed weights where they use them.
bool winograd_transforms_at_use(const struct convolution_shape *shape);

#endif
