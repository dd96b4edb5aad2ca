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
    T *made, *dz; // the output, or the input's gradient
    double *partial;
    size_t blocks;
    bool add, add_z;
};

// What the pack's channels are multiplied with.
template <typename T, int N>
__device__ inline void read_gates(const gating<T> &at, size_t channel, float (&factor)[N]) {
    read_pack(at.z + blockIdx.z * at.walk.channels + channel, factor);
    for (int i = 0; i < N; i++) {
        factor[i] = channel_gate_open(factor[i]) + at.keep;
    }
}

template <typename T, int N>
__global__ void channel_gate_forward(const gating<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    if (place.first >= place.end) {
        return;
    }
    float factor[N];
    read_gates<T, N>(at, place.channel, factor);
    for (size_t row = place.first; row < place.end; row += place.step) {
        const size_t here = (blockIdx.z * at.walk.rows + row) * at.walk.channels + place.channel;
        float x[N];
        read_pack(at.x + here, x);
        for (int i = 0; i < N; i++) {
            x[i] *= factor[i];
        }
        write_pack(x, at.made + here);
    }
}

template <typename T, int N>
__global__ void channel_gate_backward(const gating<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    const float nothing[N] = {0};
    float product[N] = {0};
    float factor[N] = {0};
    if (place.first < place.end) {
        read_gates<T, N>(at, place.channel, factor);
    }
    for (size_t row = place.first; row < place.end; row += place.step) {
        const size_t here = (blockIdx.z * at.walk.rows + row) * at.walk.channels + place.channel;
        float x[N];
        float dy[N];
        float before[N] = {0};
        read_pack(at.x + here, x);
        read_pack(at.dy + here, dy);
        if (at.add) {
            read_pack(at.made + here, before);
        }
        for (int i = 0; i < N; i++) {
            product[i] += dy[i] * x[i];
            x[i] = before[i] + dy[i] * factor[i];
        }
        if (at.made != NULL) {
            write_pack(x, at.made + here);
        }
    }
    write_partial_sums(at.walk, place, product, nothing,
                       partial_of_image(at.partial, at.walk, at.blocks));
}

template <typename T>
__global__ void channel_gate_gradient(const gating<T> at) {
    const channel_sums sums = sum_image_partials(at.partial, at.walk, at.blocks);
    if (sums.mine) {
        const size_t here = blockIdx.z * at.walk.channels + sums.channel;
        const float open = channel_gate_open(to_float(at.z[here]));
        const float before = at.add_z ? to_float(at.dz[here]) : 0;
        from_float(before + (float)(sums.first * open * (1.0F - open)), &at.dz[here]);
    }
}

template <typename T>
gating<T> gating_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    gating<T> at = {};
    at.keep = state->keep;
    at.x = (const T *)call->in[0];
    at.z = (const T *)call->in[1];
    return at;
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    gating<T> at = gating_of<T>(call);
    at.made = (T *)call->out;
    at.walk = walk_rows(state->pixels, state->channels, N, (size_t)1 << 30, 8);
    launch(state->backend, channel_gate_forward<T, N>, image_walk_blocks(at.walk, N, state->images),
           walk_threads(at.walk), at);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    gating<T> at = gating_of<T>(call);
    at.dy = (const T *)call->out_gradient;
    at.made = (T *)call->in_gradient[0];
    at.add = call->add[0] && at.made != NULL;
    at.dz = (T *)call->in_gradient[1];
    at.add_z = call->add[1];
    at.partial = (double *)call->scratch;
    at.walk = walk_rows(state->pixels, state->channels, N, image_blocks(state->images), 4);
    const dim3 blocks = image_walk_blocks(at.walk, N, state->images);
    at.blocks = blocks.x;
    launch(state->backend, channel_gate_backward<T, N>, blocks, walk_threads(at.walk), at);
    if (at.dz != NULL) {
        launch(state->backend, channel_gate_gradient<T>,
               sums_blocks(state->channels, state->images), THREADS, at);
    }
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel channel_gate_cuda = {plan, forward, backward, free, NULL};
