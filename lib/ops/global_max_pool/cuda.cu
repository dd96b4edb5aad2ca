// global_max_pool by CUDA: maxima over the rows of each image, a row a pixel, of blocks and then of
// all. Saved: the pixel that each maximum came from, the first one where there are several.
#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"

namespace {

struct state {
    struct backend *backend;
    size_t images, pixels, channels; // pixels of one image
};

// A number, and its pixel.
struct maximum {
    float value;
    uint32_t pixel;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    plan->scratch = in.n * image_blocks(in.n) * in.c * sizeof(maximum);
    plan->saved = in.n * in.c * sizeof(uint32_t);
    return keep_state<state>(plan, {plan->backend, in.n, in.h * in.w, in.c}, error);
}

template <typename T>
struct maps {
    rows_walk walk;
    size_t images, blocks; // blocks of one image
    const T *from;         // the input, or the output's gradient
    T *result;
    maximum *partial; // of images, blocks, channels
    uint32_t *saved;
    bool add;
};

__device__ inline void take_greater(const maximum &other, maximum *best) {
    if (other.value > best->value || (other.value == best->value && other.pixel < best->pixel)) {
        *best = other;
    }
}

template <typename T, int N>
__global__ void global_max_pool_blocks(const maps<T> args) {
    __shared__ maximum all[THREADS][N];
    const rows_position position = position_of_thread(args.walk, N);
    const T *image =
        args.from + blockIdx.z * args.walk.rows * args.walk.channels + position.channel;
    for (int i = 0; i < N; i++) {
        all[threadIdx.x][i] = {-INFINITY, 0};
    }
    for (size_t row = position.first; row < position.end; row += position.step) {
        float x[N];
        read_pack(image + row * args.walk.channels, x);
        for (int i = 0; i < N; i++) {
            if (x[i] > all[threadIdx.x][i].value) {
                all[threadIdx.x][i] = {x[i], (uint32_t)row};
            }
        }
    }
    __syncthreads();
    if (threadIdx.x < args.walk.lanes && position.channel < args.walk.channels) {
        maximum *to = args.partial + (blockIdx.z * args.blocks + blockIdx.x) * args.walk.channels +
                      position.channel;
        for (int i = 0; i < N; i++) {
            to[i] = all[threadIdx.x][i];
            for (unsigned row = 1; row < args.walk.rows_side_by_side; row++) {
                take_greater(all[row * args.walk.lanes + threadIdx.x][i], &to[i]);
            }
        }
    }
}

template <typename T>
__global__ void global_max_pool_join(const maps<T> args) {
    const size_t thread = thread_number();
    const size_t image = thread / args.walk.channels;
    const size_t channel = thread % args.walk.channels;
    if (image >= args.images) {
        return;
    }
    maximum best = {-INFINITY, 0};
    for (size_t block = 0; block < args.blocks; block++) {
        take_greater(args.partial[(image * args.blocks + block) * args.walk.channels + channel],
                     &best);
    }
    from_float(best.value, &args.result[thread]);
    args.saved[thread] = best.pixel;
}

template <typename T, int N>
__global__ void global_max_pool_backward(const maps<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    const size_t output = blockIdx.z * args.walk.channels + position.channel;
    T *image = args.result + blockIdx.z * args.walk.rows * args.walk.channels + position.channel;
    float dy[N];
    read_pack(args.from + output, dy);
    for (size_t row = position.first; row < position.end; row += position.step) {
        float dx[N] = {0};
        if (args.add) {
            read_pack(image + row * args.walk.channels, dx);
        }
        for (int i = 0; i < N; i++) {
            dx[i] += args.saved[output + i] == row ? dy[i] : 0;
        }
        write_pack(dx, image + row * args.walk.channels);
    }
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    maps<T> args = {};
    args.walk = walk_rows(state->pixels, state->channels, N, image_blocks(state->images), 4);
    args.images = state->images;
    args.from = (const T *)call->in[0];
    args.result = (T *)call->out;
    args.partial = (maximum *)call->scratch;
    args.saved = (uint32_t *)call->saved;
    const dim3 blocks = image_walk_blocks(args.walk, N, state->images);
    args.blocks = blocks.x;
    launch(state->backend, global_max_pool_blocks<T, N>, blocks, walk_threads(args.walk), args);
    launch(state->backend, global_max_pool_join<T>, blocks_for(state->images * state->channels),
           THREADS, args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    maps<T> args = {};
    args.walk = walk_all_rows(state->images, state->pixels, state->channels, N);
    args.from = (const T *)call->out_gradient;
    args.result = (T *)call->in_gradient[0];
    args.saved = (uint32_t *)call->saved;
    args.add = call->add[0];
    launch(state->backend, global_max_pool_backward<T, N>,
           image_walk_blocks(args.walk, N, state->images), walk_threads(args.walk), args);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel global_max_pool_cuda = {plan, forward, backward, free, NULL};
