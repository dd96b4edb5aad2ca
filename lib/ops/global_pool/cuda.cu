// global_pool by CUDA: sums over the rows of each image, a row a pixel; backward hands each image's
// gradient to all of its pixels.
#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"

namespace {

struct state {
    struct backend *backend;
    size_t images, pixels, channels; // pixels of one image
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    plan->scratch = image_sums_bytes(in.n, in.c);
    return keep_state<state>(plan, {plan->backend, in.n, in.h * in.w, in.c}, error);
}

template <typename T>
struct pooling {
    rows_walk walk;
    const T *from; // the input, or the output's gradient
    T *result;
    double *partial;
    size_t blocks;
    bool add;
};

template <typename T, int N>
__global__ void global_pool_sums(const pooling<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    const T *image =
        args.from + blockIdx.z * args.walk.rows * args.walk.channels + position.channel;
    const float nothing[N] = {0};
    float sum[N] = {0};
#pragma unroll 4
    for (unsigned k = 0; k < position.count; k++) {
        const size_t row = position.first + k * position.step;
        float x[N];
        read_pack(image + row * args.walk.channels, x);
        for (int i = 0; i < N; i++) {
            sum[i] += x[i];
        }
    }
    write_partial_sums(args.walk, sum, nothing,
                       partial_of_image(args.partial, args.walk, args.blocks));
}

template <typename T>
__global__ void global_pool_means(const pooling<T> args) {
    const channel_sums sums = sum_image_partials(args.partial, args.walk, args.blocks);
    if (sums.has_channel) {
        from_float((float)(sums.first / (double)args.walk.rows),
                   &args.result[blockIdx.z * args.walk.channels + sums.channel]);
    }
}

template <typename T, int N>
__global__ void global_pool_backward(const pooling<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    const float share = 1.0F / (float)args.walk.rows;
    T *image = args.result + blockIdx.z * args.walk.rows * args.walk.channels + position.channel;
    float dy[N];
    read_pack(args.from + blockIdx.z * args.walk.channels + position.channel, dy);
    for (size_t row = position.first; row < position.end; row += position.step) {
        float sum[N] = {0};
        if (args.add) {
            read_pack(image + row * args.walk.channels, sum);
        }
        for (int i = 0; i < N; i++) {
            sum[i] += share * dy[i];
        }
        write_pack(sum, image + row * args.walk.channels);
    }
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    pooling<T> args = {
        .walk = walk_rows(state->pixels, state->channels, N, image_blocks(state->images), 4),
        .from = (const T *)call->in[0],
        .result = (T *)call->out,
        .partial = (double *)call->scratch};
    const dim3 blocks = image_walk_blocks(args.walk, N, state->images);
    args.blocks = blocks.x;
    launch(state->backend, global_pool_sums<T, N>, blocks, walk_threads(args.walk), args);
    launch(state->backend, global_pool_means<T>, sums_blocks(state->channels, state->images),
           THREADS, args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const pooling<T> args = {.walk =
                                 walk_all_rows(state->images, state->pixels, state->channels, N),
                             .from = (const T *)call->out_gradient,
                             .result = (T *)call->in_gradient[0],
                             .add = call->add[0]};
    launch(state->backend, global_pool_backward<T, N>,
           image_walk_blocks(args.walk, N, state->images), walk_threads(args.walk), args);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel global_pool_cuda = {plan, forward, backward, free, NULL};
