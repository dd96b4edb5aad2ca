// Statistics of a tensor's elements: the least, the mean and the greatest.
#ifndef PLEURA_STREAM_STATISTICS_H
#define PLEURA_STREAM_STATISTICS_H

#include "stream/record.h"

// All three are NaN where an element is; 64-bit integers are rounded to double.
struct tensor_statistics {
    double min, mean, max;
};

size_t tensor_elements(const struct tensor *tensor);

// Whether every element is a number: neither NaN nor an infinity. Integers are.
bool tensor_finite(const struct tensor *tensor);

// Fills *statistics; false for a tensor without elements.
bool tensor_statistics(const struct tensor *tensor, struct tensor_statistics *statistics);

#endif
