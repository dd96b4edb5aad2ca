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
    const float *gamma; // NULL: 1
    T *made, *da, *db;  // NULL: not wanted, or there already
    bool broadcast, add_a, add_b;
    double *partial, *products; // sums of blocks; of each image and channel: b's with dy
    size_t blocks;
    float *gamma_gradient;
};

template <typename T>
__device__ inline float weight_of(const terms<T> &at) {
    return at.gamma != NULL ? *at.gamma : 1.0F;
}

template <typename T>
__device__ inline size_t index_of_b(const terms<T> &at, size_t here, size_t channel) {
    return at.broadcast ? blockIdx.z * at.walk.channels + channel : here;
}

template <typename T, int N>
__global__ void add_forward(const terms<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    const float weight = weight_of(at);
    for (size_t row = place.first; row < place.end; row += place.step) {
        const size_t here = (blockIdx.z * at.walk.rows + row) * at.walk.channels + place.channel;
        float a[N];
        float b[N];
        read_pack(at.a + here, a);
        read_pack(at.b + index_of_b(at, here, place.channel), b);
        for (int i = 0; i < N; i++) {
            a[i] += weight * b[i];
        }
        write_pack(a, at.made + here);
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
__global__ void add_backward(const terms<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    const float weight = weight_of(at);
    float product[N] = {0};
    float plain[N] = {0};
    for (size_t row = place.first; row < place.end; row += place.step) {
        const size_t here = (blockIdx.z * at.walk.rows + row) * at.walk.channels + place.channel;
        float dy[N];
        float b[N] = {0};
        read_pack(at.dy + here, dy);
        if (at.gamma != NULL) {
            read_pack(at.b + index_of_b(at, here, place.channel), b);
        }
        for (int i = 0; i < N; i++) {
            product[i] += dy[i] * b[i];
            plain[i] += dy[i];
        }
        if (at.db != NULL && !at.broadcast) {
            hand_on(dy, weight, at.add_b, at.db + here);
        }
        if (at.da != NULL) {
            hand_on(dy, 1.0F, at.add_a, at.da + here);
        }
    }
    if (at.gamma != NULL || at.broadcast) {
        write_partial_sums(at.walk, place, product, plain,
                           partial_of_image(at.partial, at.walk, at.blocks));
    }
}

template <typename T>
__global__ void add_sums(const terms<T> at) {
    const channel_sums sums = sum_image_partials(at.partial, at.walk, at.blocks);
    if (!sums.mine) {
        return;
    }
    const size_t here = blockIdx.z * at.walk.channels + sums.channel;
    at.products[here] = sums.first;
    if (at.db != NULL && at.broadcast) {
        const float before = at.add_b ? to_float(at.db[here]) : 0;
        from_float(before + (float)(sums.second * weight_of(at)), &at.db[here]);
    }
}

// One block adds up all products.
template <typename T>
__global__ void add_gamma_gradient(const terms<T> at) {
    const size_t count = at.images * at.walk.channels;
    double sum = 0;
    for (size_t i = threadIdx.x; i < count; i += THREADS) {
        sum += at.products[i];
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        *at.gamma_gradient += (float)sum;
    }
}

template <typename T>
terms<T> terms_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    terms<T> at = {};
    at.images = state->images;
    at.a = (const T *)call->in[0];
    at.b = (const T *)call->in[1];
    at.broadcast = state->broadcast;
    at.gamma = state->scaled ? call->parameter[0] : NULL;
    return at;
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    terms<T> at = terms_of<T>(call);
    at.made = (T *)call->out;
    at.walk = walk_rows(state->pixels, state->channels, N, (size_t)1 << 30, 8);
    launch(state->backend, add_forward<T, N>, image_walk_blocks(at.walk, N, state->images),
           walk_threads(at.walk), at);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    terms<T> at = terms_of<T>(call);
    const bool there = call->in_gradient[0] == call->out_gradient;
    at.dy = (const T *)call->out_gradient;
    at.da = there ? NULL : (T *)call->in_gradient[0];
    at.db = (T *)call->in_gradient[1];
    at.add_a = call->add[0];
    at.add_b = call->add[1];
    at.partial = (double *)call->scratch;
    at.products = at.partial + image_sums_bytes(state->images, state->channels) / sizeof(double);
    at.gamma_gradient = state->scaled ? call->gradient[0] : NULL;
    at.walk = walk_rows(state->pixels, state->channels, N, image_blocks(state->images), 4);
    const dim3 blocks = image_walk_blocks(at.walk, N, state->images);
    at.blocks = blocks.x;
    launch(state->backend, add_backward<T, N>, blocks, walk_threads(at.walk), at);
    if (state->scaled || state->broadcast) {
        launch(state->backend, add_sums<T>, sums_blocks(state->channels, state->images), THREADS,
               at);
    }
    if (state->scaled) {
        launch(state->backend, add_gamma_gradient<T>, 1, THREADS, at);
    }
}

CUDA_PASSES_BY_PACK(state->precision, state->channels)

} // namespace

const struct kernel add_cuda = {plan, forward, backward, free, NULL};
const struct kernel add_scaled_cuda = {plan_scaled, forward, backward, free, NULL};
