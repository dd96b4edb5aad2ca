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

__global__ void head_convolution_draw(const drawing at) {
    const size_t i = thread_number();
    if (i >= at.images * at.channels) {
        return;
    }
    const size_t channel = i % at.channels;
    at.factors[i] =
        head_convolution_dropout(*at.seed ^ at.salt, i / at.channels, channel, at.dropout);
    at.products[i] = at.factors[i] * at.weights[channel];
}

drawing draw(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const size_t count = state->images * state->channels;
    float *factors = (float *)call->scratch;
    const drawing at = {call->seed,     call->salt,         state->images, state->channels,
                        state->dropout, call->parameter[0], factors,       factors + count};
    launch(state->backend, head_convolution_draw, blocks_for(count), THREADS, at);
    return at;
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
__global__ void head_convolution_forward(const heads<T> at) {
    const size_t thread = thread_number();
    const size_t pixel = thread / at.lanes;
    const size_t lane = thread % at.lanes;
    float sum = 0;
    if (pixel < at.all) {
        const float *weights = at.weights + pixel / at.pixels * at.channels;
        for (size_t c = lane * N; c < at.channels; c += at.lanes * N) {
            float x[N];
            read_pack(at.x + pixel * at.channels + c, x);
            for (int i = 0; i < N; i++) {
                sum += x[i] * weights[c + i];
            }
        }
    }
    for (unsigned apart = at.lanes / 2; apart > 0; apart /= 2) {
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, apart);
    }
    if (pixel < at.all && lane == 0) {
        at.out[pixel] = sum + *at.bias;
    }
}

// ---- backward

template <typename T, int N>
__global__ void head_convolution_backward(const heads<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    float of_weights[N] = {0};
    float of_bias[N] = {0};
    for (size_t row = place.first; row < place.end; row += place.step) {
        const size_t here = row * at.channels + place.channel;
        const size_t image = row / at.pixels * at.channels + place.channel;
        const float dy = at.dy[row];
        float x[N];
        float before[N] = {0};
        read_pack(at.x + here, x);
        if (at.add) {
            read_pack(at.dx + here, before);
        }
        for (int i = 0; i < N; i++) {
            of_weights[i] += dy * x[i] * at.factors[image + i];
            of_bias[i] += dy;
            x[i] = before[i] + dy * at.weights[image + i];
        }
        if (at.dx != NULL) {
            write_pack(x, at.dx + here);
        }
    }
    write_partial_sums(at.walk, place, of_weights, of_bias, at.partial);
}

template <typename T>
__global__ void head_convolution_gradients(const heads<T> at) {
    const channel_sums sums = sum_partials(at.partial, at.blocks, at.channels);
    if (!sums.mine) {
        return;
    }
    at.weight_gradient[sums.channel] += (float)sums.first;
    if (sums.channel == 0) {
        *at.bias_gradient += (float)sums.second;
    }
}

// ---- both

template <typename T>
heads<T> heads_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const drawing drawn = draw(call);
    heads<T> at = {};
    at.pixels = state->pixels;
    at.all = state->images * state->pixels;
    at.channels = state->channels;
    at.x = (const T *)call->in[0];
    at.weights = drawn.products;
    at.factors = drawn.factors;
    at.bias = call->parameter[1];
    return at;
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    heads<T> at = heads_of<T>(call);
    at.out = (float *)call->out;
    at.lanes = 1;
    while (at.lanes < 32 && 2 * at.lanes * N <= state->channels) {
        at.lanes *= 2;
    }
    launch(state->backend, head_convolution_forward<T, N>, blocks_for(at.all * at.lanes), THREADS,
           at);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    heads<T> at = heads_of<T>(call);
    at.dx = (T *)call->in_gradient[0];
    at.add = call->add[0] && at.dx != NULL;
    at.dy = (const float *)call->out_gradient;
    at.partial = (double *)((char *)call->scratch + state->factor_bytes);
    at.weight_gradient = call->gradient[0];
    at.bias_gradient = call->gradient[1];
    at.walk = walk_rows(at.all, state->channels, N, ROWS_BLOCKS, 4);
    const dim3 blocks = walk_blocks(at.walk, N);
    at.blocks = blocks.x;
    launch(state->backend, head_convolution_backward<T, N>, blocks, walk_threads(at.walk), at);
    launch(state->backend, head_convolution_gradients<T>, sums_blocks(state->channels), THREADS,
           at);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel head_convolution_cuda = {plan, forward, backward, free, NULL};
