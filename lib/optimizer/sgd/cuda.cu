// Stochastic gradient descent on a CUDA device.
#include "optimizer/cuda.h"
#include "optimizer/sgd/sgd.h"

OPTIMIZER_CUDA(sgd, SGD_MOMENTS)
