// RAdam on a CUDA device.
#include "optimizer/cuda.h"
#include "optimizer/radam/radam.h"

struct radam_rule {
    enum { MOMENTS = RADAM_MOMENTS };

    static __device__ float update(const float *coefficients, float parameter, float gradient,
                                   float *moments) {
        return radam_update(coefficients, parameter, gradient, moments);
    }
};

void radam_optimizer_cuda(struct backend *backend, const struct optimizer_update *update) {
    queue_update<radam_rule>(backend, update);
}
