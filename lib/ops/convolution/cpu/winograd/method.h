// What the rows of the list that go by Winograd's method share.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_METHOD_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_METHOD_H

#include "ops/convolution/cpu/winograd/winograd.h"

#define WINOGRAD_SAVING_CHANNELS                                                                   \
    64 // from here on the method takes a third of direct products' time

// The pass as a convolution by tiles of `tile` x `tile` outputs.
struct winograd winograd_tiles_for(const struct convolution_problem *problem, size_t tile);

// Whether a layer's passes make transformed weights where they use them.
bool winograd_transforms_at_use(const struct convolution_shape *shape);

#endif
