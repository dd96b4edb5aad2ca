// channel_pool by CUDA: a warp takes a pixel, backward a thread a number. Saved: the channel that
// each maximum came from.
#include "ops/cuda_operation.h"

namespace {

#define WARP 32
#define POOLS 2 // the maximum, and the mean

struct state {
    struct backend *backend;
    size_t pixels, channels; // pixels of all images
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    const size_t pixels = in.n * in.h * in.w;
    plan->saved = pixels * sizeof(uint32_t);
    return keep_state<state>(plan, {plan->backend, pixels, in.c}, error);
}

template <typename T>
struct maps {
    size_t pixels, channels;
    const T *from; // the input, or the output's gradient
    T *result;
    uint32_t *saved;
    bool add;
};

template <typename T>
__global__ void channel_pool_forward(const maps<T> args) {
    const size_t pixel = thread_number() / WARP;
    if (pixel >= args.pixels) {
        return;
    }
    float maximum = -INFINITY;
    float from = 0; // a whole number, which float32 holds
    float sum = 0;
    for (size_t c = threadIdx.x % WARP; c < args.channels; c += WARP) {
        const float x = to_float(args.from[pixel * args.channels + c]);
        from = x > maximum ? (float)c : from;
        maximum = x > maximum ? x : maximum;
        sum += x;
    }
    for (unsigned apart = WARP / 2; apart > 0; apart /= 2) {
        const float other = __shfl_xor_sync(0xFFFFFFFFu, maximum, apart);
        const float other_from = __shfl_xor_sync(0xFFFFFFFFu, from, apart);
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, apart);
        if (other > maximum || (other == maximum && other_from < from)) {
            maximum = other;
            from = other_from;
        }
    }
    if (threadIdx.x % WARP == 0) {
        from_float(maximum, &args.result[pixel * POOLS]);
        from_float(sum / (float)args.channels, &args.result[pixel * POOLS + 1]);
        args.saved[pixel] = (uint32_t)from;
    }
}

template <typename T>
__global__ void channel_pool_backward(const maps<T> args) {
    const size_t here = thread_number();
    const size_t pixel = here / args.channels;
    if (pixel >= args.pixels) {
        return;
    }
    const float before = args.add ? to_float(args.result[here]) : 0;
    const float mean = to_float(args.from[pixel * POOLS + 1]) * (1.0F / (float)args.channels);
    const bool greatest = args.saved[pixel] == here % args.channels;
    const float maximum = greatest ? to_float(args.from[pixel * POOLS]) : 0;
    from_float(before + mean + maximum, &args.result[here]);
}

template <typename T>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> args = {state->pixels,  state->channels,         (const T *)call->in[0],
                          (T *)call->out, (uint32_t *)call->saved, false};
    launch(state->backend, channel_pool_forward<T>, blocks_for(state->pixels * WARP), THREADS,
           args);
}

template <typename T>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> args = {state->pixels,
                          state->channels,
                          (const T *)call->out_gradient,
                          (T *)call->in_gradient[0],
                          (uint32_t *)call->saved,
                          call->add[0]};
    launch(state->backend, channel_pool_backward<T>, blocks_for(state->pixels * state->channels),
           THREADS, args);
}

CUDA_PASSES(state->backend->precision)

} // namespace

const struct kernel channel_pool_cuda = {plan, forward, backward, free, NULL};
