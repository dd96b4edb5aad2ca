// channel_gate by CUDA, image by image, a row a pixel; the gate's gradient is a sum over rows.
#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"

extern "C" {
#include "ops/channel_gate/channel_gate.h"
}

namespace {

struct state {
    struct backend *backend;
    size_t images, pixels, channels; // pixels of one image
    float keep;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct channel_gate_attributes *attributes =
        (const struct channel_gate_attributes *)plan->node->attributes;
    const struct shape in = plan_input_shape(plan, 0);
    plan->scratch = image_sums_bytes(in.n, in.c);
    return keep_state<state>(
        plan, {plan->backend, in.n, in.h * in.w, in.c, attributes->keep ? 1.0F : 0.0F}, error);
}

template <typename T>
struct gating {
    rows_walk walk;
    float keep;
    const T *x, *z, *dy;
    T *result, *dz; // the output, or the input's gradient
    double *partial;
    size_t blocks;
    bool add, add_z;
};

// What the pack's channels are multiplied with.
template <typename T, int N>
__device__ inline void read_gates(const gating<T> &args, size_t channel, float (&factor)[N]) {
    read_pack(args.z + blockIdx.z * args.walk.channels + channel, factor);
    for (int i = 0; i < N; i++) {
        factor[i] = channel_gate_open(factor[i]) + args.keep;
    }
}

template <typename T, int N>
__global__ void channel_gate_forward(const gating<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    float factor[N];
    read_gates<T, N>(args, position.channel, factor);
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here =
            (blockIdx.z * args.walk.rows + row) * args.walk.channels + position.channel;
        float x[N];
        read_pack(args.x + here, x);
        for (int i = 0; i < N; i++) {
            x[i] *= factor[i];
        }
        write_pack(x, args.result + here);
    }
}

template <typename T, int N>
__global__ void channel_gate_backward(const gating<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    const float nothing[N] = {0};
    float product[N] = {0};
    float factor[N] = {0};
    if (position.first < position.end) {
        read_gates<T, N>(args, position.channel, factor);
    }
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here =
            (blockIdx.z * args.walk.rows + row) * args.walk.channels + position.channel;
        float x[N];
        float dy[N];
        float before[N] = {0};
        read_pack(args.x + here, x);
        read_pack(args.dy + here, dy);
        if (args.add) {
            read_pack(args.result + here, before);
        }
        for (int i = 0; i < N; i++) {
            product[i] += dy[i] * x[i];
            x[i] = before[i] + dy[i] * factor[i];
        }
        if (args.result != NULL) {
            write_pack(x, args.result + here);
        }
    }
    write_partial_sums(args.walk, product, nothing,
                       partial_of_image(args.partial, args.walk, args.blocks));
}

template <typename T>
__global__ void channel_gate_finish(const gating<T> args) {
    const channel_sums sums = sum_image_partials(args.partial, args.walk, args.blocks);
    if (sums.has_channel) {
        const size_t here = blockIdx.z * args.walk.channels + sums.channel;
        const float open = channel_gate_open(to_float(args.z[here]));
        const float before = args.add_z ? to_float(args.dz[here]) : 0;
        from_float(before + channel_gate_gradient(sums.first, open), &args.dz[here]);
    }
}

template <typename T>
gating<T> gating_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    gating<T> args = {};
    args.keep = state->keep;
    args.x = (const T *)call->in[0];
    args.z = (const T *)call->in[1];
    return args;
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    gating<T> args = gating_of<T>(call);
    args.result = (T *)call->out;
    args.walk = walk_all_rows(state->images, state->pixels, state->channels, N);
    launch(state->backend, channel_gate_forward<T, N>,
           image_walk_blocks(args.walk, N, state->images), walk_threads(args.walk), args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    gating<T> args = gating_of<T>(call);
    args.dy = (const T *)call->out_gradient;
    args.result = (T *)call->in_gradient[0];
    args.add = call->add[0] && args.result != NULL;
    args.dz = (T *)call->in_gradient[1];
    args.add_z = call->add[1];
    args.partial = (double *)call->scratch;
    args.walk = walk_rows(state->pixels, state->channels, N, image_blocks(state->images), 4);
    const dim3 blocks = image_walk_blocks(args.walk, N, state->images);
    args.blocks = blocks.x;
    launch(state->backend, channel_gate_backward<T, N>, blocks, walk_threads(args.walk), args);
    if (args.dz != NULL) {
        launch(state->backend, channel_gate_finish<T>, sums_blocks(state->channels, state->images),
               THREADS, args);
    }
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel channel_gate_cuda = {plan, forward, backward, free, NULL};
