// The optimiser on a device: RAdam of all parameters in one launch, which also clears their
// gradients and looks for one that is not finite.
#include "optimizer/radam/cuda.h"

extern "C" {
#include "optimizer/radam/terms.h"
}

namespace {

__global__ void forget_fault(const struct update at) {
    *at.bad = INT64_MAX;
}

__global__ void radam(const struct update at) {
    const size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = thread_number(); i < at.count; i += step) {
        const struct radam_step factors = at.factors[i < at.decaying ? 0 : 1];
        const float keep = (float)(1 - factors.rate * factors.decay);
        const float correction = (float)factors.correction;
        const float g = at.gradients[i];
        const float variance = radam_variance(at.variance[i], g);
        const float mean = radam_mean(at.mean[i], g);
        at.variance[i] = variance;
        at.mean[i] = mean;
        at.values[i] = factors.adapted
                           ? radam_adapted(at.values[i], keep, correction, mean, variance)
                           : radam_plain(at.values[i], keep, correction, mean);
        at.gradients[i] = 0;
        if (!isfinite(g)) {
            (void)atomicMin((unsigned long long *)at.bad, (unsigned long long)i);
        }
    }
}

} // namespace

void cuda_update(struct backend *backend, const struct update *update) {
    launch(backend, forget_fault, 1, 1, *update);
    launch(backend, radam, blocks_for(update->count, 4 * THREADS), THREADS, *update);
}
