// An update of all parameters on a CUDA device, in one launch, which also clears their gradients
// and looks for one that is not finite.
#ifndef PLEURA_OPTIMIZER_CUDA_H
#define PLEURA_OPTIMIZER_CUDA_H

#include "backend/cuda/block.h"

extern "C" {
#include "optimizer/optimizer.h"
}

typedef void cuda_update(struct backend *backend, const struct optimizer_update *update);

#define OPTIMIZER(name, devices) extern cuda_update name##_optimizer_cuda;
#include "optimizer/optimizers.def"
#undef OPTIMIZER

// training_calls.update: the update of the optimiser that it names.
cuda_update cuda_optimizer_run;

// Of each optimiser, whether there is a CUDA side.
extern const bool cuda_has_optimizer[OPTIMIZERS];

// RULE has MOMENTS and the static function update(coefficients, parameter, gradient, moments),
// which returns the parameter.
template <typename RULE>
__global__ void update_parameters(const struct optimizer_update update) {
    const size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = thread_number(); i < update.count; i += step) {
        const int group =
            (i < update.decaying ? 0 : 1) + (update.encoder != NULL && update.encoder[i] ? 2 : 0);
        const struct optimizer_coefficients coefficients = update.coefficients[group];
        if (coefficients.frozen) {
            continue;
        }
        const float raw = update.gradients[i];
        const float gradient = update.clip > 0 ? raw * update.norm->factor : raw;
        float moments[RULE::MOMENTS];
        for (int k = 0; k < RULE::MOMENTS; k++) {
            moments[k] = update.moments[k][i];
        }
        const float parameter =
            RULE::update(coefficients.values, update.parameters[i], gradient, moments);
        update.parameters[i] = parameter;
        if (update.average != NULL) {
            update.average[i] += update.gain * (parameter - update.average[i]);
        }
        for (int k = 0; k < RULE::MOMENTS; k++) {
            update.moments[k][i] = moments[k];
        }
        update.gradients[i] = 0;
        if (!isfinite(raw)) {
            (void)atomicMin((unsigned long long *)update.bad, (unsigned long long)i);
        }
    }
}

template <typename RULE>
void queue_update(struct backend *backend, const struct optimizer_update *update) {
    launch(backend, update_parameters<RULE>, blocks_for(update->count, 4 * THREADS), THREADS,
           *update);
}

// The CUDA side NAME_optimizer_cuda, of the update that NAME.h shares with the host.
#define OPTIMIZER_CUDA(name, moment_count)                                                         \
    struct name##_rule {                                                                           \
        enum { MOMENTS = moment_count };                                                           \
                                                                                                   \
        static __device__ float update(const float *coefficients, float parameter, float gradient, \
                                       float *moments) {                                           \
            return name##_update(coefficients, parameter, gradient, moments);                      \
        }                                                                                          \
    };                                                                                             \
                                                                                                   \
    void name##_optimizer_cuda(struct backend *backend, const struct optimizer_update *update) {   \
        queue_update<name##_rule>(backend, update);                                                \
    }

#endif
