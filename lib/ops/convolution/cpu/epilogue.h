// What a convolution does with its sums before they are stored.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_EPILOGUE_H
#define PLEURA_OPS_CONVOLUTION_CPU_EPILOGUE_H

#include <stdbool.h>

// + bias (NULL: none), + what the output holds, then ReLU.
struct epilogue {
    const float *bias;
    bool sum, relu;
};

#endif
