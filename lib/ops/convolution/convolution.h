// A convolution layer, for its kernels. Parameters: weight; bias if it has one; a folded norm's.
#ifndef PLEURA_OPS_CONVOLUTION_CONVOLUTION_H
#define PLEURA_OPS_CONVOLUTION_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>

struct convolution_attributes {
    size_t kernel, stride, pad;
    bool bias, norm, relu;
};

#endif
