// Adam on a CUDA device.
#include "optimizer/cuda.h"

extern "C" {
#include "optimizer/adam/adam.h"
}

struct adam_rule {
    enum { MOMENTS = ADAM_MOMENTS };

    static __device__ float update(const float *coefficients, float parameter, float gradient,
                                   float *moments) {
        return adam_update(coefficients, parameter, gradient, moments);
    }
};

void adam_optimizer_cuda(struct backend *backend, const struct optimizer_update *update) {
    queue_update<adam_rule>(backend, update);
}
