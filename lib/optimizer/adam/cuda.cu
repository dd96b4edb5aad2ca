// Adam on a CUDA device.
#include "optimizer/cuda.h"

extern "C" {
#include "optimizer/adam/adam.h"
}

OPTIMIZER_CUDA(adam, ADAM_MOMENTS)
