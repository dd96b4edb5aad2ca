// How a kernel numbers its threads over an activation: each one takes a pack of one pixel's
// channels.
#ifndef PLEURA_OPS_CUDA_PIXELS_H
#define PLEURA_OPS_CUDA_PIXELS_H

#include "ops/cuda_operation.h"

// A thread's pixel, and the first of its channels. Threads beyond the last pixel have an image
// beyond the last.
struct pixel {
    size_t image, y, x, channel;
};

__device__ inline pixel pixel_of_thread(const struct shape &shape, size_t pack) {
    const size_t packs = shape.c / pack;
    const size_t thread = thread_number();
    const size_t index = thread / packs;
    return {index / shape.w / shape.h, index / shape.w % shape.h, index % shape.w,
            thread % packs * pack};
}

// Where the channel lies, in numbers, of row y and column x of the pixel's image.
__device__ inline size_t index_at(const struct shape &shape, const pixel &pixel, size_t y,
                                  size_t x) {
    return ((pixel.image * shape.h + y) * shape.w + x) * shape.c + pixel.channel;
}

#endif
