// add and add_scaled by CUDA, image by image, a row a pixel. Backward one walk hands the gradient
// on and sums it up over rows: itself, for what went to all pixels, and its product with b, for
// gamma.
#include "backend/cuda/block.h"
#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"

namespace {

struct state {
    struct backend *backend;
    size_t images, pixels, channels; // pixels of one image
    bool broadcast, scaled;
    enum precision precision;
};

bool plan_add(struct kernel_plan *plan, bool scaled, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    plan->scratch = image_sums_bytes(shape.n, shape.c) + shape.n * shape.c * sizeof(double);
    return keep_state<state>(plan,
                             {plan->backend, shape.n, shape.h * shape.w, shape.c,
                              !shape_equal(shape, plan_input_shape(plan, 1)), scaled,
                              plan_precision(plan, plan->node->output)},
                             error);
}

bool plan(struct kernel_plan *asked, struct error *error) {
    return plan_add(asked, false, error);
}

bool plan_scaled(struct kernel_plan *asked, struct error *error) {
    return plan_add(asked, true, error);
}

template <typename T>
struct terms {
    rows_walk walk;
    size_t images;
    const T *a, *b, *dy;
    const float *gamma;  // NULL: 1
    T *result, *da, *db; // NULL: not wanted, or there already
    bool broadcast, add_a, add_b;
    double *partial, *products; // sums of blocks; of each image and channel: b's with dy
    size_t blocks;
    float *gamma_gradient;
};

template <typename T>
__device__ inline float weight_of(const terms<T> &args) {
    return args.gamma != NULL ? *args.gamma : 1.0F;
}

template <typename T>
__device__ inline size_t index_of_b(const terms<T> &args, size_t here, size_t channel) {
    return args.broadcast ? blockIdx.z * args.walk.channels + channel : here;
}

template <typename T, int N>
__global__ void add_forward(const terms<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    const float weight = weight_of(args);
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here =
            (blockIdx.z * args.walk.rows + row) * args.walk.channels + position.channel;
        float a[N];
        float b[N];
        read_pack(args.a + here, a);
        read_pack(args.b + index_of_b(args, here, position.channel), b);
        for (int i = 0; i < N; i++) {
            a[i] += weight * b[i];
        }
        write_pack(a, args.result + here);
    }
}

template <typename T, int N>
__device__ inline void hand_on(const float (&dy)[N], float weight, bool add, T *to) {
    float sum[N] = {0};
    if (add) {
        read_pack(to, sum);
    }
    for (int i = 0; i < N; i++) {
        sum[i] += weight * dy[i];
    }
    write_pack(sum, to);
}

template <typename T, int N>
__global__ void add_backward(const terms<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    const float weight = weight_of(args);
    float product[N] = {0};
    float plain[N] = {0};
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here =
            (blockIdx.z * args.walk.rows + row) * args.walk.channels + position.channel;
        float dy[N];
        float b[N] = {0};
        read_pack(args.dy + here, dy);
        if (args.gamma != NULL) {
            read_pack(args.b + index_of_b(args, here, position.channel), b);
        }
        for (int i = 0; i < N; i++) {
            product[i] += dy[i] * b[i];
            plain[i] += dy[i];
        }
        if (args.db != NULL && !args.broadcast) {
            hand_on(dy, weight, args.add_b, args.db + here);
        }
        if (args.da != NULL) {
            hand_on(dy, 1.0F, args.add_a, args.da + here);
        }
    }
    if (args.gamma != NULL || args.broadcast) {
        write_partial_sums(args.walk, product, plain,
                           partial_of_image(args.partial, args.walk, args.blocks));
    }
}

template <typename T>
__global__ void add_sums(const terms<T> args) {
    const channel_sums sums = sum_image_partials(args.partial, args.walk, args.blocks);
    if (!sums.has_channel) {
        return;
    }
    const size_t here = blockIdx.z * args.walk.channels + sums.channel;
    args.products[here] = sums.first;
    if (args.db != NULL && args.broadcast) {
        const float before = args.add_b ? to_float(args.db[here]) : 0;
        from_float(before + (float)(sums.second * weight_of(args)), &args.db[here]);
    }
}

// One block adds up all products.
template <typename T>
__global__ void add_gamma_gradient(const terms<T> args) {
    const size_t count = args.images * args.walk.channels;
    double sum = 0;
    for (size_t i = threadIdx.x; i < count; i += THREADS) {
        sum += args.products[i];
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        *args.gamma_gradient += (float)sum;
    }
}

template <typename T>
terms<T> terms_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    terms<T> args = {};
    args.images = state->images;
    args.a = (const T *)call->in[0];
    args.b = (const T *)call->in[1];
    args.broadcast = state->broadcast;
    args.gamma = state->scaled ? call->parameter[0] : NULL;
    return args;
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    terms<T> args = terms_of<T>(call);
    args.result = (T *)call->out;
    args.walk = walk_all_rows(state->images, state->pixels, state->channels, N);
    launch(state->backend, add_forward<T, N>, image_walk_blocks(args.walk, N, state->images),
           walk_threads(args.walk), args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    terms<T> args = terms_of<T>(call);
    const bool there = call->in_gradient[0] == call->out_gradient;
    args.dy = (const T *)call->out_gradient;
    args.da = there ? NULL : (T *)call->in_gradient[0];
    args.db = (T *)call->in_gradient[1];
    args.add_a = call->add[0];
    args.add_b = call->add[1];
    args.partial = (double *)call->scratch;
    args.products =
        args.partial + image_sums_bytes(state->images, state->channels) / sizeof(double);
    args.gamma_gradient = state->scaled ? call->gradient[0] : NULL;
    args.walk = walk_rows(state->pixels, state->channels, N, image_blocks(state->images), 4);
    const dim3 blocks = image_walk_blocks(args.walk, N, state->images);
    args.blocks = blocks.x;
    launch(state->backend, add_backward<T, N>, blocks, walk_threads(args.walk), args);
    if (state->scaled || state->broadcast) {
        launch(state->backend, add_sums<T>, sums_blocks(state->channels, state->images), THREADS,
               args);
    }
    if (state->scaled) {
        launch(state->backend, add_gamma_gradient<T>, 1, THREADS, args);
    }
}

CUDA_PASSES_BY_PACK(state->precision, state->channels)

} // namespace

const struct kernel add_cuda = {plan, forward, backward, free, NULL};
const struct kernel add_scaled_cuda = {plan_scaled, forward, backward, free, NULL};
