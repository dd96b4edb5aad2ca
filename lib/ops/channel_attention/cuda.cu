// channel_attention by CUDA: products by cuBLAS, a block for each row of the squares of channels.
// With X (pixels x channels) of one image: E = X^T X, A = softmax of -E a row, Y = X A^T. Backward:
// dA = dY^T X, dE = A (sum_k dA A - dA), dX = dY A + X (dE + dE^T). Saved: A.
#include "backend/cuda/block.h"
#include "ops/channel_attention/formula.h"
#include "ops/cuda_operation.h"

namespace {

struct state {
    struct backend *backend;
    size_t images, pixels, channels;
    size_t square; // numbers in all images' squares
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    const size_t square = in.n * in.c * in.c;
    // Energies or dA, dE, and A and dE + dE^T in the activations' precision.
    plan->scratch = 4 * rounded(square * sizeof(float));
    plan->saved = square * sizeof(float);
    return keep_state<state>(plan, {plan->backend, in.n, in.h * in.w, in.c, square}, error);
}

struct squares {
    size_t channels, count;
    float *energy;    // E, then dA
    float *attention; // A
    float *gradient;  // dE
    void *rounded, *symmetric;
};

struct squares squares_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const size_t step = rounded(state->square * sizeof(float)) / sizeof(float);
    float *scratch = (float *)call->scratch;
    return {state->channels, state->square,      scratch,           (float *)call->saved,
            scratch + step,  scratch + 2 * step, scratch + 3 * step};
}

// A row of A from one of E.
template <typename T>
__global__ void channel_softmax(const struct squares args) {
    const size_t row = (size_t)blockIdx.x * args.channels;
    float minimum = INFINITY;
    for (size_t c = threadIdx.x; c < args.channels; c += THREADS) {
        minimum = args.energy[row + c] < minimum ? args.energy[row + c] : minimum;
    }
    minimum = -block_greatest(-minimum);
    double total = 0;
    for (size_t c = threadIdx.x; c < args.channels; c += THREADS) {
        total += exp((double)minimum - args.energy[row + c]);
    }
    total = block_sum(total);
    for (size_t c = threadIdx.x; c < args.channels; c += THREADS) {
        const float result = (float)(exp((double)minimum - args.energy[row + c]) / total);
        args.attention[row + c] = result;
        from_float(result, (T *)args.rounded + row + c);
    }
}

// A row of dE from one of dA; A rounded once more.
template <typename T>
__global__ void channel_energy(const struct squares args) {
    const size_t row = (size_t)blockIdx.x * args.channels;
    double mean = 0;
    for (size_t c = threadIdx.x; c < args.channels; c += THREADS) {
        mean += (double)args.energy[row + c] * args.attention[row + c];
    }
    mean = block_sum(mean);
    for (size_t c = threadIdx.x; c < args.channels; c += THREADS) {
        args.gradient[row + c] =
            channel_attention_gradient(args.attention[row + c], args.energy[row + c], mean);
        from_float(args.attention[row + c], (T *)args.rounded + row + c);
    }
}

template <typename T>
__global__ void channel_symmetric(const struct squares args) {
    const size_t i = thread_number();
    if (i < args.count) {
        const size_t column = i % args.channels;
        const size_t row = i / args.channels % args.channels;
        const size_t image = i / args.channels / args.channels * args.channels * args.channels;
        from_float(args.gradient[i] + args.gradient[image + column * args.channels + row],
                   (T *)args.symmetric + i);
    }
}

// ---- products

// X^T Y of all images: squares of float32.
void transposed_product(const struct state *state, const void *x, const void *y, float *result) {
    const size_t plane = state->pixels * state->channels;
    const struct cuda_product product = {
        .rows = state->channels,
        .columns = state->channels,
        .inner = state->pixels,
        .batch = state->images,
        .alpha = 1,
        .a = {x, state->channels, plane, true},
        .b = {y, state->channels, plane, false},
        .c = {result, state->channels, state->channels * state->channels, false},
        .precision = state->backend->precision,
        .float_result = true};
    cuda_gemm(state->backend, &product);
}

// made = before * made + X S, or X S^T.
void pixel_product(const struct state *state, const void *x, const void *square, bool transposed,
                   float before, void *result) {
    const size_t plane = state->pixels * state->channels;
    const struct cuda_product product = {
        .rows = state->pixels,
        .columns = state->channels,
        .inner = state->channels,
        .batch = state->images,
        .alpha = 1,
        .beta = before,
        .a = {x, state->channels, plane, false},
        .b = {square, state->channels, state->channels * state->channels, transposed},
        .c = {result, state->channels, plane, false},
        .precision = state->backend->precision};
    cuda_gemm(state->backend, &product);
}

template <typename T>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const struct squares args = squares_of(call);
    const unsigned rows = (unsigned)(state->images * state->channels);
    transposed_product(state, call->in[0], call->in[0], args.energy);
    launch(state->backend, channel_softmax<T>, rows, THREADS, args);
    pixel_product(state, call->in[0], args.rounded, true, 0, call->out);
}

template <typename T>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const struct squares args = squares_of(call);
    const unsigned rows = (unsigned)(state->images * state->channels);
    transposed_product(state, call->out_gradient, call->in[0], args.energy);
    launch(state->backend, channel_energy<T>, rows, THREADS, args);
    launch(state->backend, channel_symmetric<T>, blocks_for(state->square), THREADS, args);
    pixel_product(state, call->out_gradient, args.rounded, false, call->add[0] ? 1 : 0,
                  call->in_gradient[0]);
    pixel_product(state, call->in[0], args.symmetric, false, 1, call->in_gradient[0]);
}

CUDA_PASSES(state->backend->precision)

} // namespace

const struct kernel channel_attention_cuda = {plan, forward, backward, free, NULL};
