// Stochastic gradient descent on a CUDA device.
#include "optimizer/cuda.h"
#include "optimizer/sgd/sgd.h"

struct sgd_rule {
    enum { MOMENTS = SGD_MOMENTS };

    static __device__ float update(const float *coefficients, float parameter, float gradient,
                                   float *moments) {
        return sgd_update(coefficients, parameter, gradient, moments);
    }
};

void sgd_optimizer_cuda(struct backend *backend, const struct optimizer_update *update) {
    queue_update<sgd_rule>(backend, update);
}
