// RAdam on a CUDA device.
#include "optimizer/cuda.h"
#include "optimizer/radam/radam.h"

OPTIMIZER_CUDA(radam, RADAM_MOMENTS)
