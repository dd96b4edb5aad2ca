// Inside the CPU backend: what a convolution does with its sums.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_FINISH_H
#define PLEURA_OPS_CONVOLUTION_CPU_FINISH_H

#include <stdbool.h>
#include <stddef.h>

// + bias (NULL: none), + what the output holds, then ReLU.
struct finish {
    const float *bias;
    bool sum, relu;
};

#endif
