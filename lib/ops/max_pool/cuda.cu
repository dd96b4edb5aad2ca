// max_pool by CUDA: a thread makes a pack of one pixel. Saved: which of the window's pixels each
// maximum came from, so that backward can gather.
#include "ops/cuda_pixels.h"

extern "C" {
#include "ops/max_pool/max_pool.h"
}

namespace {

struct state {
    struct backend *backend;
    struct shape in, out;
    size_t window, pad;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct max_pool_attributes *attributes =
        (const struct max_pool_attributes *)plan->node->attributes;
    plan->saved = shape_count(plan_output_shape(plan));
    return keep_state<state>(plan,
                             {plan->backend, plan_input_shape(plan, 0), plan_output_shape(plan),
                              attributes->window, attributes->pad},
                             error);
}

template <typename T>
struct maps {
    struct shape in, out;
    size_t window, pad;
    const T *x, *dy;
    T *result;
    uint8_t *from;
    bool add;
};

template <typename T, int N>
__global__ void max_pool_forward(const maps<T> args) {
    const pixel position = pixel_of_thread(args.out, N);
    if (position.image >= args.out.n) {
        return;
    }
    float maximum[N];
    pack<uint8_t, N> from;
    for (int i = 0; i < N; i++) {
        maximum[i] = -INFINITY;
        from.values[i] = 0;
    }
    for (size_t k = 0; k < args.window * args.window; k++) { // unsigned arithmetic wraps above the
        const size_t y = 2 * position.y + k / args.window - args.pad; // image, too
        const size_t x = 2 * position.x + k % args.window - args.pad;
        if (y < args.in.h && x < args.in.w) {
            float here[N];
            read_pack(args.x + index_at(args.in, position, y, x), here);
            for (int i = 0; i < N; i++) {
                from.values[i] = here[i] > maximum[i] ? (uint8_t)k : from.values[i];
                maximum[i] = here[i] > maximum[i] ? here[i] : maximum[i];
            }
        }
    }
    const size_t to = index_at(args.out, position, position.y, position.x);
    write_pack(maximum, args.result + to);
    *(pack<uint8_t, N> *)(args.from + to) = from;
}

template <typename T, int N>
__global__ void max_pool_backward(const maps<T> args) {
    const pixel position = pixel_of_thread(args.in, N);
    if (position.image >= args.in.n) {
        return;
    }
    const size_t to = index_at(args.in, position, position.y, position.x);
    float sum[N] = {0};
    if (args.add) {
        read_pack(args.result + to, sum);
    }
    for (size_t oy = max_pool_first(position.y); oy <= max_pool_last(position.y, args.pad); oy++) {
        for (size_t ox = max_pool_first(position.x); ox <= max_pool_last(position.x, args.pad);
             ox++) {
            if (oy >= args.out.h || ox >= args.out.w) {
                continue;
            }
            const size_t here = index_at(args.out, position, oy, ox);
            const uint8_t index = (uint8_t)((position.y + args.pad - 2 * oy) * args.window +
                                            (position.x + args.pad - 2 * ox));
            const pack<uint8_t, N> from = *(const pack<uint8_t, N> *)(args.from + here);
            float dy[N];
            read_pack(args.dy + here, dy);
            for (int i = 0; i < N; i++) {
                sum[i] += from.values[i] == index ? dy[i] : 0;
            }
        }
    }
    write_pack(sum, args.result + to);
}

template <typename T>
maps<T> maps_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    maps<T> args = {};
    args.in = state->in;
    args.out = state->out;
    args.window = state->window;
    args.pad = state->pad;
    args.from = (uint8_t *)call->saved;
    return args;
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    maps<T> args = maps_of<T>(call);
    args.x = (const T *)call->in[0];
    args.result = (T *)call->out;
    launch(state->backend, max_pool_forward<T, N>, blocks_for(shape_count(state->out) / N), THREADS,
           args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    maps<T> args = maps_of<T>(call);
    args.dy = (const T *)call->out_gradient;
    args.result = (T *)call->in_gradient[0];
    args.add = call->add[0];
    launch(state->backend, max_pool_backward<T, N>, blocks_for(shape_count(state->in) / N), THREADS,
           args);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->in.c)

} // namespace

const struct kernel max_pool_cuda = {plan, forward, backward, free, NULL};
