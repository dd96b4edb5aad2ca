// widen by CUDA: a thread takes one number.
#include "ops/cuda_operation.h"

namespace {

struct state {
    struct backend *backend;
    size_t count;
    enum precision precision; // of the input
};

bool plan(struct kernel_plan *plan, struct error *error) {
    return keep_state<state>(plan,
                             {plan->backend, shape_count(plan_output_shape(plan)),
                              plan_precision(plan, plan->node->inputs[0])},
                             error);
}

template <typename T>
struct values {
    T *narrow; // the input, or its gradient
    float *wide;
    size_t count;
    bool add;
};

template <typename T>
__global__ void widen_forward(const values<T> args) {
    const size_t i = thread_number();
    if (i < args.count) {
        args.wide[i] = to_float(args.narrow[i]);
    }
}

template <typename T>
__global__ void widen_backward(const values<T> args) {
    const size_t i = thread_number();
    if (i < args.count) {
        const float before = args.add ? to_float(args.narrow[i]) : 0;
        from_float(before + args.wide[i], &args.narrow[i]);
    }
}

template <typename T>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const values<T> args = {(T *)call->in[0], (float *)call->out, state->count, false};
    launch(state->backend, widen_forward<T>, blocks_for(state->count), THREADS, args);
}

template <typename T>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const values<T> args = {(T *)call->in_gradient[0], (float *)call->out_gradient, state->count,
                            call->add[0]};
    launch(state->backend, widen_backward<T>, blocks_for(state->count), THREADS, args);
}

CUDA_PASSES(state->precision)

} // namespace

const struct kernel widen_cuda = {plan, forward, backward, free, NULL};
