// silu by CUDA.
#include "ops/cuda_elementwise.h"

extern "C" {
#include "ops/silu/silu.h"
}

namespace {

struct formula {
    static __device__ float value(float x) { return silu_of(x); }

    static __device__ float gradient(float x, float dy) { return dy * silu_slope(x); }
};

void forward(const struct call *call) {
    elementwise_forward<formula>(call);
}

void backward(const struct call *call) {
    elementwise_backward<formula>(call, call->in[0]);
}

} // namespace

const struct kernel silu_cuda = {elementwise_plan, forward, backward, free, NULL};
