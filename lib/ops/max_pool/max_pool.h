// Maximum pooling with a stride of 2, for its kernels.
#ifndef PLEURA_OPS_MAX_POOL_MAX_POOL_H
#define PLEURA_OPS_MAX_POOL_MAX_POOL_H

#include "core/device.h"

#include <stddef.h>

struct max_pool_attributes {
    size_t window, pad;
};

// The windows over row (column) `y` of the input are first to last, as far as there are so many;
// it is row (column) y + pad - 2 * first of the first one.
ON_DEVICE static inline size_t max_pool_first(size_t y) {
    return y / 2;
}

ON_DEVICE static inline size_t max_pool_last(size_t y, size_t pad) {
    return (y + pad) / 2;
}

#endif
