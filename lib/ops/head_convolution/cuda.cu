// head_convolution by CUDA. First each image's weights are made, dropout's factors in them.
// Forward: some lanes share a pixel, each takes packs of its channels, and what they have is added
// up across the lanes. Backward walks down the rows, a row a pixel.
#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"

extern "C" {
#include "ops/head_convolution/head_convolution.h"
}

namespace {

struct state {
    struct backend *backend;
    size_t images, pixels, channels; // pixels of one image
    double dropout;
    size_t factor_bytes;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct head_convolution_attributes *attributes =
        (const struct head_convolution_attributes *)plan->node->attributes;
    const struct shape in = plan_input_shape(plan, 0);
    const size_t factors = rounded(2 * in.n * in.c * sizeof(float));
    plan->scratch = factors + ROWS_BLOCKS * 2 * in.c * sizeof(double);
    return keep_state<state>(
        plan, {plan->backend, in.n, in.h * in.w, in.c, attributes->dropout, factors}, error);
}

// ---- dropout: a dropped channel is a weight of 0 for that image, a kept one is scaled by
// 1 / (1 - probability)

struct drawing {
    const uint64_t *seed;
    uint64_t salt;
    size_t images, channels;
    double dropout;
    const float *weights;
    float *factors, *products; // images x channels: of dropout, and weights times them
};

__global__ void head_convolution_draw(const drawing args) {
    const size_t i = thread_number();
    if (i >= args.images * args.channels) {
        return;
    }
    const size_t channel = i % args.channels;
    args.factors[i] =
        head_convolution_dropout(*args.seed ^ args.salt, i / args.channels, channel, args.dropout);
    args.products[i] = args.factors[i] * args.weights[channel];
}

drawing draw(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const size_t count = state->images * state->channels;
    float *factors = (float *)call->scratch;
    const drawing args = {call->seed,     call->salt,         state->images, state->channels,
                          state->dropout, call->parameter[0], factors,       factors + count};
    launch(state->backend, head_convolution_draw, blocks_for(count), THREADS, args);
    return args;
}

// ---- forward

template <typename T>
struct heads {
    rows_walk walk; // of backward
    size_t pixels, all, channels;
    unsigned lanes; // a pixel; a power of 2
    const T *x;
    T *dx;
    bool add;
    const float *weights, *factors, *bias, *dy;
    float *out;
    double *partial;
    size_t blocks;
    float *weight_gradient, *bias_gradient;
};

template <typename T, int N>
__global__ void head_convolution_forward(const heads<T> args) {
    const size_t thread = thread_number();
    const size_t pixel = thread / args.lanes;
    const size_t lane = thread % args.lanes;
    float sum = 0;
    if (pixel < args.all) {
        const float *weights = args.weights + pixel / args.pixels * args.channels;
        for (size_t c = lane * N; c < args.channels; c += args.lanes * N) {
            float x[N];
            read_pack(args.x + pixel * args.channels + c, x);
            for (int i = 0; i < N; i++) {
                sum += x[i] * weights[c + i];
            }
        }
    }
    for (unsigned apart = args.lanes / 2; apart > 0; apart /= 2) {
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, apart);
    }
    if (pixel < args.all && lane == 0) {
        args.out[pixel] = sum + *args.bias;
    }
}

// ---- backward

template <typename T, int N>
__global__ void head_convolution_backward(const heads<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    float of_weights[N] = {0};
    float of_bias[N] = {0};
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here = row * args.channels + position.channel;
        const size_t image = row / args.pixels * args.channels + position.channel;
        const float dy = args.dy[row];
        float x[N];
        float before[N] = {0};
        read_pack(args.x + here, x);
        if (args.add) {
            read_pack(args.dx + here, before);
        }
        for (int i = 0; i < N; i++) {
            of_weights[i] += dy * x[i] * args.factors[image + i];
            of_bias[i] += dy;
            x[i] = before[i] + dy * args.weights[image + i];
        }
        if (args.dx != NULL) {
            write_pack(x, args.dx + here);
        }
    }
    write_partial_sums(args.walk, of_weights, of_bias, args.partial);
}

template <typename T>
__global__ void head_convolution_gradients(const heads<T> args) {
    const channel_sums sums = sum_partials(args.partial, args.blocks, args.channels);
    if (!sums.has_channel) {
        return;
    }
    args.weight_gradient[sums.channel] += (float)sums.first;
    if (sums.channel == 0) {
        *args.bias_gradient += (float)sums.second;
    }
}

// ---- both

template <typename T>
heads<T> heads_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const drawing drawn = draw(call);
    heads<T> args = {};
    args.pixels = state->pixels;
    args.all = state->images * state->pixels;
    args.channels = state->channels;
    args.x = (const T *)call->in[0];
    args.weights = drawn.products;
    args.factors = drawn.factors;
    args.bias = call->parameter[1];
    return args;
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    heads<T> args = heads_of<T>(call);
    args.out = (float *)call->out;
    args.lanes = 1;
    while (args.lanes < 32 && 2 * args.lanes * N <= state->channels) {
        args.lanes *= 2;
    }
    launch(state->backend, head_convolution_forward<T, N>, blocks_for(args.all * args.lanes),
           THREADS, args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    heads<T> args = heads_of<T>(call);
    args.dx = (T *)call->in_gradient[0];
    args.add = call->add[0] && args.dx != NULL;
    args.dy = (const float *)call->out_gradient;
    args.partial = (double *)((char *)call->scratch + state->factor_bytes);
    args.weight_gradient = call->gradient[0];
    args.bias_gradient = call->gradient[1];
    args.walk = walk_rows(args.all, state->channels, N, ROWS_BLOCKS, 4);
    const dim3 blocks = walk_blocks(args.walk, N);
    args.blocks = blocks.x;
    launch(state->backend, head_convolution_backward<T, N>, blocks, walk_threads(args.walk), args);
    launch(state->backend, head_convolution_gradients<T>, sums_blocks(state->channels), THREADS,
           args);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel head_convolution_cuda = {plan, forward, backward, free, NULL};
