// The least, the mean and the greatest element of a tensor.
#ifndef PLEURA_STREAM_EXTENT_H
#define PLEURA_STREAM_EXTENT_H

#include "stream/record.h"

// All three are NaN where an element is; 64-bit integers are rounded to double.
struct extent {
    double min, mean, max;
};

size_t tensor_elements(const struct tensor *tensor);

// Whether every element is a number: neither NaN nor an infinity. Integers are.
bool tensor_finite(const struct tensor *tensor);

// False for a tensor without elements.
bool tensor_extent(const struct tensor *tensor, struct extent *extent);

#endif
