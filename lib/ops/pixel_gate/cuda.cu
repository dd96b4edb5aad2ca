// pixel_gate by CUDA: a thread takes a pack of one pixel; of the gate's gradient a warp takes a
// pixel, and adds up its channels.
#include "ops/cuda_operation.h"

extern "C" {
#include "ops/channel_gate/channel_gate.h"
}

namespace {

struct state {
    struct backend *backend;
    struct shape shape;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    return keep_state<state>(plan, {plan->backend, plan_input_shape(plan, 0)}, error);
}

template <typename T>
struct gating {
    size_t packs, channels; // packs of all pixels
    const T *from, *z;      // what is let through: the input, or the output's gradient
    T *result;
    bool add;
};

// result = from * sigmoid(z), added to what is there if asked.
template <typename T, int N>
__global__ void pixel_gate_multiply(const gating<T> args) {
    const size_t pack = thread_number();
    if (pack >= args.packs) {
        return;
    }
    const size_t here = pack * N;
    const float open = channel_gate_open(to_float(args.z[here / args.channels]));
    float numbers[N];
    float sum[N] = {0};
    read_pack(args.from + here, numbers);
    if (args.add) {
        read_pack(args.result + here, sum);
    }
    for (int i = 0; i < N; i++) {
        sum[i] += open * numbers[i];
    }
    write_pack(sum, args.result + here);
}

#define WARP 32

template <typename T>
struct gate_gradient {
    size_t pixels, channels;
    const T *x, *z, *dy;
    T *dz;
    bool add;
};

template <typename T>
__global__ void pixel_gate_gradient(const gate_gradient<T> args) {
    const size_t pixel = thread_number() / WARP;
    if (pixel >= args.pixels) {
        return;
    }
    float sum = 0;
    for (size_t c = threadIdx.x % WARP; c < args.channels; c += WARP) {
        const size_t here = pixel * args.channels + c;
        sum += to_float(args.x[here]) * to_float(args.dy[here]);
    }
    for (unsigned apart = WARP / 2; apart > 0; apart /= 2) {
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, apart);
    }
    if (threadIdx.x % WARP == 0) {
        const float open = channel_gate_open(to_float(args.z[pixel]));
        const float before = args.add ? to_float(args.dz[pixel]) : 0;
        from_float(before + channel_gate_gradient(sum, open), &args.dz[pixel]);
    }
}

template <typename T, int N>
void multiply(const struct call *call, const void *from, void *result, bool add) {
    const struct state *state = (const struct state *)call->state;
    const size_t packs = shape_count(state->shape) / N;
    const gating<T> args = {
        packs, state->shape.c, (const T *)from, (const T *)call->in[1], (T *)result, add};
    launch(state->backend, pixel_gate_multiply<T, N>, blocks_for(packs), THREADS, args);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    multiply<T, N>(call, call->in[0], call->out, false);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    if (call->in_gradient[0] != NULL) {
        multiply<T, N>(call, call->out_gradient, call->in_gradient[0], call->add[0]);
    }
    if (call->in_gradient[1] != NULL) {
        const size_t pixels = shape_count(state->shape) / state->shape.c;
        const gate_gradient<T> args = {pixels,
                                       state->shape.c,
                                       (const T *)call->in[0],
                                       (const T *)call->in[1],
                                       (const T *)call->out_gradient,
                                       (T *)call->in_gradient[1],
                                       call->add[1]};
        launch(state->backend, pixel_gate_gradient<T>, blocks_for(pixels * WARP), THREADS, args);
    }
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->shape.c)

} // namespace

const struct kernel pixel_gate_cuda = {plan, forward, backward, free, NULL};
