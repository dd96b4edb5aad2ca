// silu by CUDA.
#include "ops/cuda_operation.h"

extern "C" {
#include "ops/silu/silu.h"
}

namespace {

struct state {
    struct backend *backend;
    size_t count;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    return keep_state<state>(plan, {plan->backend, shape_count(plan_output_shape(plan))}, error);
}

template <typename T>
struct values {
    const T *x;
    const T *dy;
    T *result;
    size_t count;
    bool add;
};

// A thread takes a pack; the last ones take what is left one by one.
template <typename T>
__global__ void silu_forward(const values<T> args) {
    constexpr int N = pack_size<T>;
    const size_t first = thread_number() * N;
    if (first + N <= args.count) {
        float x[N];
        read_pack(args.x + first, x);
        for (int i = 0; i < N; i++) {
            x[i] = silu_of(x[i]);
        }
        write_pack(x, args.result + first);
        return;
    }
    for (size_t i = first; i < args.count; i++) {
        from_float(silu_of(to_float(args.x[i])), &args.result[i]);
    }
}

template <typename T>
__global__ void silu_backward(const values<T> args) {
    constexpr int N = pack_size<T>;
    const size_t first = thread_number() * N;
    const size_t end = first + N < args.count ? first + N : args.count;
    for (size_t i = first; i < end; i++) {
        const float before = args.add ? to_float(args.result[i]) : 0;
        from_float(before + to_float(args.dy[i]) * silu_slope(to_float(args.x[i])),
                   &args.result[i]);
    }
}

template <typename T>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const values<T> args = {(const T *)call->in[0], NULL, (T *)call->out, state->count, false};
    launch(state->backend, silu_forward<T>, blocks_for(state->count, THREADS * pack_size<T>),
           THREADS, args);
}

template <typename T>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const values<T> args = {(const T *)call->in[0], (const T *)call->out_gradient,
                            (T *)call->in_gradient[0], state->count, call->add[0]};
    launch(state->backend, silu_backward<T>, blocks_for(state->count, THREADS * pack_size<T>),
           THREADS, args);
}

CUDA_PASSES(state->backend->precision)

} // namespace

const struct kernel silu_cuda = {plan, forward, backward, free, NULL};
