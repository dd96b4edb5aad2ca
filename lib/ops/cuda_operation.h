// What the operations' CUDA sides share: how a plan keeps its state, and how the passes call their
// launches.
#ifndef PLEURA_OPS_CUDA_OPERATION_H
#define PLEURA_OPS_CUDA_OPERATION_H

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

// Defines the passes `forward` and `backward` of an operation, which call run_forward<T> and
// run_backward<T> with the call, T the type of `precision`, an expression of the operation's
// `state`.
#define CUDA_PASSES(precision)                                                                     \
    CUDA_PASS(forward, precision)                                                                  \
    CUDA_PASS(backward, precision)
#define CUDA_PASS(pass, precision)                                                                 \
    void pass(const struct call *call) {                                                           \
        const struct state *state = (const struct state *)call->state;                             \
        BY_PRECISION(precision, run_##pass, call);                                                 \
    }

// The same with run_forward<T, N> and run_backward<T, N>, N the numbers of a pack if `channels`
// fill packs, else 1.
#define CUDA_PASSES_BY_PACK(precision, channels)                                                   \
    CUDA_PASS_BY_PACK(forward, precision, channels)                                                \
    CUDA_PASS_BY_PACK(backward, precision, channels)
#define CUDA_PASS_BY_PACK(pass, precision, channels)                                               \
    void pass(const struct call *call) {                                                           \
        const struct state *state = (const struct state *)call->state;                             \
        BY_PACK(precision, channels, run_##pass, call);                                            \
    }

#endif
