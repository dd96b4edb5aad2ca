// AdamW on a CUDA device: its coefficients differ from Adam's, its update does not.
#include "optimizer/cuda.h"

void adamw_optimizer_cuda(struct backend *backend, const struct optimizer_update *update) {
    adam_optimizer_cuda(backend, update);
}
