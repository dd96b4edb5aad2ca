// For the operations' CUDA rooms: what their kernels are told, and how a plan keeps its state.
#ifndef PLEURA_OPS_CUDA_ROOM_H
#define PLEURA_OPS_CUDA_ROOM_H

#include "backend/cuda/cuda.h"

extern "C" {
#include "ops/kernels.h"
}

// Makes `state` the plan's, in memory that free releases.
template <typename S>
bool keep_state(struct kernel_plan *plan, const S &state, struct error *error) {
    S *kept = (S *)malloc(sizeof *kept);
    if (kept == NULL) {
        return fail(error, "no memory");
    }
    *kept = state;
    plan->state = kept;
    return true;
}

#endif
