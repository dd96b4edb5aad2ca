// Operations by CUDA whose output's numbers are each a function of the input's number there. F is
// what such an operation has of its own: value(x), and gradient(kept, dy) = dy * df/dx, where
// `kept` is what df/dx is made of, the input or the output.
#ifndef PLEURA_OPS_CUDA_ELEMENTWISE_H
#define PLEURA_OPS_CUDA_ELEMENTWISE_H

#include "ops/cuda_operation.h"

struct elementwise_state {
    struct backend *backend;
    size_t count;
};

// For struct kernel; its state is for free.
inline bool elementwise_plan(struct kernel_plan *plan, struct error *error) {
    return keep_state<elementwise_state>(
        plan, {plan->backend, shape_count(plan_output_shape(plan))}, error);
}

template <typename T>
struct elementwise_numbers {
    const T *from; // the input, or what is kept
    const T *dy;
    T *result;
    size_t count;
    bool add;
};

// A thread takes a pack; the last one takes what is left number by number.
template <typename T, typename F>
__global__ void elementwise_values(const elementwise_numbers<T> args) {
    constexpr int N = pack_size<T>;
    const size_t first = thread_number() * N;
    if (first + N <= args.count) {
        float x[N];
        read_pack(args.from + first, x);
        for (int i = 0; i < N; i++) {
            x[i] = F::value(x[i]);
        }
        write_pack(x, args.result + first);
        return;
    }
    for (size_t i = first; i < args.count; i++) {
        from_float(F::value(to_float(args.from[i])), &args.result[i]);
    }
}

template <typename T, typename F>
__global__ void elementwise_gradients(const elementwise_numbers<T> args) {
    constexpr int N = pack_size<T>;
    const size_t first = thread_number() * N;
    if (first + N <= args.count) {
        float kept[N];
        float dy[N];
        float sum[N] = {0};
        read_pack(args.from + first, kept);
        read_pack(args.dy + first, dy);
        if (args.add) {
            read_pack(args.result + first, sum);
        }
        for (int i = 0; i < N; i++) {
            sum[i] += F::gradient(kept[i], dy[i]);
        }
        write_pack(sum, args.result + first);
        return;
    }
    for (size_t i = first; i < args.count; i++) {
        const float before = args.add ? to_float(args.result[i]) : 0;
        from_float(before + F::gradient(to_float(args.from[i]), to_float(args.dy[i])),
                   &args.result[i]);
    }
}

// A pass with activations of type T. `dy` is NULL forward.
template <typename T, typename F>
void elementwise_run(F, const struct call *call, const void *from, const void *dy, void *result) {
    const elementwise_state *state = (const elementwise_state *)call->state;
    const elementwise_numbers<T> args = {(const T *)from, (const T *)dy, (T *)result, state->count,
                                         dy != NULL && call->add[0]};
    launch(state->backend, dy != NULL ? elementwise_gradients<T, F> : elementwise_values<T, F>,
           blocks_for(state->count, THREADS * pack_size<T>), THREADS, args);
}

// The passes of an operation that was planned so. `kept` is call->in[0] or call->out.
template <typename F>
void elementwise_forward(const struct call *call) {
    const elementwise_state *state = (const elementwise_state *)call->state;
    BY_PRECISION(state->backend->precision, elementwise_run, F(), call, call->in[0], NULL,
                 call->out);
}

template <typename F>
void elementwise_backward(const struct call *call, const void *kept) {
    const elementwise_state *state = (const elementwise_state *)call->state;
    BY_PRECISION(state->backend->precision, elementwise_run, F(), call, kept, call->out_gradient,
                 call->in_gradient[0]);
}

#endif
