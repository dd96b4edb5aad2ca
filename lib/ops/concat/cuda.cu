// concat by CUDA: a thread moves a pack of one pixel.
#include "ops/cuda_operation.h"

namespace {

struct state {
    struct backend *backend;
    size_t pixels, channels[2];
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape out = plan_output_shape(plan);
    return keep_state<state>(plan,
                             {plan->backend,
                              out.n * out.h * out.w,
                              {plan_input_shape(plan, 0).c, plan_input_shape(plan, 1).c}},
                             error);
}

template <typename T>
struct parts {
    size_t pixels, one, other; // channels of both
    const T *a, *b, *dy;
    T *result, *da, *db;
    bool add_a, add_b;
};

// A thread's pack of the whole, and its offset in the part that it belongs to.
struct pack_position {
    bool any, of_one;
    size_t whole, part;
};

template <typename T, int N>
__device__ inline pack_position pack_of_thread(const parts<T> &args) {
    const size_t first = thread_number() * N;
    const size_t pixel = first / (args.one + args.other);
    const size_t c = first % (args.one + args.other);
    const bool of_one = c < args.one;
    return {pixel < args.pixels, of_one, first,
            of_one ? pixel * args.one + c : pixel * args.other + c - args.one};
}

template <typename T, int N>
__global__ void concat_forward(const parts<T> args) {
    const pack_position position = pack_of_thread<T, N>(args);
    if (position.any) {
        const T *from = (position.of_one ? args.a : args.b) + position.part;
        *(pack<T, N> *)(args.result + position.whole) = *(const pack<T, N> *)from;
    }
}

template <typename T, int N>
__global__ void concat_backward(const parts<T> args) {
    const pack_position position = pack_of_thread<T, N>(args);
    T *to = position.of_one ? args.da : args.db;
    if (!position.any || to == NULL) {
        return;
    }
    float dy[N];
    read_pack(args.dy + position.whole, dy);
    if (position.of_one ? args.add_a : args.add_b) {
        float before[N];
        read_pack(to + position.part, before);
        for (int i = 0; i < N; i++) {
            dy[i] += before[i];
        }
    }
    write_pack(dy, to + position.part);
}

template <typename T>
parts<T> parts_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    return {state->pixels,
            state->channels[0],
            state->channels[1],
            (const T *)call->in[0],
            (const T *)call->in[1],
            (const T *)call->out_gradient,
            (T *)call->out,
            (T *)call->in_gradient[0],
            (T *)call->in_gradient[1],
            call->add[0],
            call->add[1]};
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const size_t packs = state->pixels * (state->channels[0] + state->channels[1]) / N;
    launch(state->backend, concat_forward<T, N>, blocks_for(packs), THREADS, parts_of<T>(call));
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const size_t packs = state->pixels * (state->channels[0] + state->channels[1]) / N;
    launch(state->backend, concat_backward<T, N>, blocks_for(packs), THREADS, parts_of<T>(call));
}

// A number that packs divide if they divide both parts' channels.
size_t common(const struct state *state) {
    return state->channels[0] | state->channels[1];
}

CUDA_PASSES_BY_PACK(state->backend->precision, common(state))

} // namespace

const struct kernel concat_cuda = {plan, forward, backward, free, NULL};
