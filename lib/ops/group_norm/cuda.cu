// group_norm by CUDA, image by image: rows are pixels. As with norm, statistics are sums of
// differences from the image's first pixel, a channel each; they are then brought together a group
// each, in float64.
#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"
#include "ops/norm/formula.h"

extern "C" {
#include "ops/group_norm/group_norm.h"
}

namespace {

struct state {
    struct backend *backend;
    size_t images, rows, channels, groups; // rows of one image
    bool relu, residual;
};

// What the kernels work on. All but the parameters is an image's and a channel's, one image behind
// the other.
template <typename T>
struct numbers {
    rows_walk walk;
    size_t images, groups, wide; // groups of so many channels
    const T *x, *residual, *y, *dy;
    T *result, *residual_result; // outputs, or the input's and the residual's gradient
    bool relu, add, add_residual;
    const float *scale, *shift;       // parameters
    float *mean, *inverse, *rest;     // saved
    double *partial;                  // sums of blocks
    size_t blocks;                    // of one image, that made them
    double *first, *second;           // of an image's channels: what became of these sums
    float *mean_plain, *mean_product; // backward
    float *scale_gradient, *shift_gradient;
};

// The number of this block's image and the channel.
template <typename T>
__device__ inline size_t of_image(const numbers<T> &args, size_t channel) {
    return blockIdx.z * args.walk.channels + channel;
}

// Where the image's row lies, from the channel on.
template <typename T>
__device__ inline size_t offset_of_row(const numbers<T> &args, size_t row, size_t channel) {
    return (blockIdx.z * args.walk.rows + row) * args.walk.channels + channel;
}

// A thread's group of an image.
struct group_range {
    bool has_group;
    size_t image, first, end; // channels
};

template <typename T>
__device__ inline group_range group_of_thread(const numbers<T> &args) {
    const size_t thread = thread_number();
    const size_t first = thread % args.groups * args.wide;
    return {thread < args.images * args.groups, thread / args.groups, first, first + args.wide};
}

// ---- forward

template <typename T, int N>
__global__ void group_norm_sums(const numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    float pivot[N] = {0};
    float plain[N] = {0};
    float squares[N] = {0};
    if (position.first < position.end) {
        read_pack(args.x + offset_of_row(args, 0, position.channel), pivot);
    }
    for (size_t row = position.first; row < position.end; row += position.step) {
        float x[N];
        read_pack(args.x + offset_of_row(args, row, position.channel), x);
        for (int i = 0; i < N; i++) {
            const float apart = x[i] - pivot[i];
            plain[i] += apart;
            squares[i] += apart * apart;
        }
    }
    write_partial_sums(args.walk, position, plain, squares,
                       partial_of_image(args.partial, args.walk, args.blocks));
}

// Of a channel: forward the mean, and squared differences from it; backward the sums as they are.
template <typename T>
__global__ void group_norm_gather(const numbers<T> args) {
    const channel_sums sums = sum_image_partials(args.partial, args.walk, args.blocks);
    if (sums.has_channel) {
        const bool forward = args.dy == NULL;
        const size_t here = of_image(args, sums.channel);
        const float pivot = to_float(args.x[offset_of_row(args, 0, sums.channel)]);
        const double apart = sums.first / (double)args.walk.rows;
        const double squares = sums.second - apart * sums.first;
        args.first[here] = forward ? pivot + apart : sums.first;
        args.second[here] = forward ? (squares > 0 ? squares : 0) : sums.second;
    }
}

// A group's, joined (Chan, Golub, LeVeque 1979).
template <typename T>
__global__ void group_norm_statistics(const numbers<T> args) {
    const group_range group = group_of_thread(args);
    const size_t channels = group.image * args.walk.channels;
    const double rows = (double)args.walk.rows;
    double mean = 0;
    double squares = 0;
    double count = 0;
    if (!group.has_group) {
        return;
    }
    for (size_t c = channels + group.first; c < channels + group.end; c++) {
        const double apart = args.first[c] - mean;
        mean += apart * rows / (count + rows);
        squares += args.second[c] + apart * apart * count * rows / (count + rows);
        count += rows;
    }
    const norm_channel channel = norm_channel_of(mean, squares, count);
    for (size_t c = channels + group.first; c < channels + group.end; c++) {
        args.mean[c] = channel.mean;
        args.inverse[c] = channel.inverse;
        args.rest[c] = channel.rest;
    }
}

// A pack's channels: y = (x - mean) * scale + shift, normalised = (x - mean) * inverse + rest.
template <int N>
struct affine {
    float mean[N], scale[N], shift[N], inverse[N], rest[N];
};

template <typename T, int N>
__device__ inline affine<N> affine_of(const numbers<T> &args, size_t channel) {
    affine<N> result;
    for (int i = 0; i < N; i++) {
        const size_t c = of_image(args, channel + i);
        const float scale = args.scale[channel + i];
        result.mean[i] = args.mean[c];
        result.scale[i] = scale * args.inverse[c];
        result.inverse[i] = args.inverse[c];
        result.rest[i] = args.rest[c];
        result.shift[i] = norm_offset(args.shift[channel + i], scale, args.rest[c]);
    }
    return result;
}

template <typename T, int N>
__global__ void group_norm_apply(const numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    const affine<N> factors = affine_of<T, N>(args, position.channel);
    const float minimum = args.relu ? 0 : -INFINITY; // NaN is to stay, and to be found
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here = offset_of_row(args, row, position.channel);
        float x[N];
        float more[N] = {0};
        read_pack(args.x + here, x);
        if (args.residual != NULL) {
            read_pack(args.residual + here, more);
        }
        for (int i = 0; i < N; i++) {
            const float sum = norm_of(x[i], factors.mean[i], factors.scale[i], factors.shift[i]);
            const float with = args.residual != NULL ? sum + more[i] : sum;
            x[i] = with < minimum ? minimum : with;
        }
        write_pack(x, args.result + here);
    }
}

// ---- backward

// The output's gradient with the ReLU taken into account, and the normalised input.
template <typename T, int N>
__device__ inline void read_gradient(const numbers<T> &args, const affine<N> &factors, size_t here,
                                     float (&normalised)[N], float (&dz)[N]) {
    float y[N] = {0};
    read_pack(args.x + here, normalised);
    read_pack(args.dy + here, dz);
    if (args.y != NULL) {
        read_pack(args.y + here, y);
    }
    for (int i = 0; i < N; i++) {
        if (args.y == NULL) {
            y[i] = norm_of(normalised[i], factors.mean[i], factors.scale[i], factors.shift[i]);
        }
        dz[i] = args.relu && !(y[i] > 0) ? 0 : dz[i];
        normalised[i] =
            norm_of(normalised[i], factors.mean[i], factors.inverse[i], factors.rest[i]);
    }
}

template <typename T, int N>
__global__ void group_norm_gradient_sums(const numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    float plain[N] = {0};
    float product[N] = {0};
    if (position.first < position.end) {
        const affine<N> factors = affine_of<T, N>(args, position.channel);
        for (size_t row = position.first; row < position.end; row += position.step) {
            float normalised[N];
            float dz[N];
            read_gradient<T, N>(args, factors, offset_of_row(args, row, position.channel),
                                normalised, dz);
            for (int i = 0; i < N; i++) {
                plain[i] += dz[i];
                product[i] += dz[i] * normalised[i];
            }
        }
    }
    write_partial_sums(args.walk, position, plain, product,
                       partial_of_image(args.partial, args.walk, args.blocks));
}

// What of a group's gradients, times the scale, reaches every input of it.
template <typename T>
__global__ void group_norm_means(const numbers<T> args) {
    const group_range group = group_of_thread(args);
    const size_t channels = group.image * args.walk.channels;
    const double count = (double)args.walk.rows * (double)args.wide;
    double plain = 0;
    double product = 0;
    if (!group.has_group) {
        return;
    }
    for (size_t c = group.first; c < group.end; c++) {
        plain += args.scale[c] * args.first[channels + c];
        product += args.scale[c] * args.second[channels + c];
    }
    for (size_t c = channels + group.first; c < channels + group.end; c++) {
        args.mean_plain[c] = (float)(plain / count);
        args.mean_product[c] = (float)(product / count);
    }
}

template <typename T>
__global__ void group_norm_parameter_gradients(const numbers<T> args) {
    const size_t channel = thread_number();
    if (channel < args.walk.channels) {
        for (size_t image = 0; image < args.images; image++) {
            const size_t here = image * args.walk.channels + channel;
            args.scale_gradient[channel] += (float)args.second[here];
            args.shift_gradient[channel] += (float)args.first[here];
        }
    }
}

template <typename T, int N>
__device__ inline void write_or_add(float (&sum)[N], bool add, T *to) {
    float before[N] = {0};
    if (add) {
        read_pack(to, before);
    }
    for (int i = 0; i < N; i++) {
        sum[i] += before[i];
    }
    write_pack(sum, to);
}

// norm_gradient of scale * dz, whose means are the group's, with the factor `inverse`.
template <typename T, int N>
__global__ void group_norm_input_gradient(const numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    const affine<N> factors = affine_of<T, N>(args, position.channel);
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here = offset_of_row(args, row, position.channel);
        float dx[N];
        float dz[N];
        read_gradient<T, N>(args, factors, here, dx, dz);
        for (int i = 0; i < N; i++) {
            const size_t c = of_image(args, position.channel + i);
            dx[i] = norm_gradient(args.scale[position.channel + i] * dz[i], dx[i],
                                  factors.inverse[i], args.mean_plain[c], args.mean_product[c]);
        }
        if (args.result != NULL) {
            write_or_add<T, N>(dx, args.add, args.result + here);
        }
        if (args.residual_result != NULL) {
            write_or_add<T, N>(dz, args.add_residual, args.residual_result + here);
        }
    }
}

// ---- both

bool plan_norm(struct kernel_plan *plan, bool residual, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct group_norm_attributes *attributes =
        (const struct group_norm_attributes *)plan->node->attributes;
    plan->scratch = image_sums_bytes(shape.n, shape.c) +
                    2 * shape.n * shape.c * (sizeof(double) + sizeof(float));
    plan->saved = 3 * shape.n * shape.c * sizeof(float);
    return keep_state<state>(plan,
                             {plan->backend, shape.n, shape.h * shape.w, shape.c,
                              attributes->groups, attributes->relu, residual},
                             error);
}

bool plan(struct kernel_plan *asked, struct error *error) {
    return plan_norm(asked, false, error);
}

bool plan_residual(struct kernel_plan *asked, struct error *error) {
    return plan_norm(asked, true, error);
}

template <typename T>
numbers<T> numbers_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const size_t all = state->images * state->channels;
    numbers<T> args = {};
    args.images = state->images;
    args.groups = state->groups;
    args.wide = state->channels / state->groups;
    args.x = (const T *)call->in[0];
    args.residual = state->residual ? (const T *)call->in[1] : NULL;
    args.relu = state->relu;
    args.scale = call->parameter[GROUP_NORM_SCALE];
    args.shift = call->parameter[GROUP_NORM_SHIFT];
    args.mean = (float *)call->saved;
    args.inverse = args.mean + all;
    args.rest = args.inverse + all;
    args.first = (double *)call->scratch;
    args.second = args.first + all;
    args.partial = args.second + all;
    args.mean_plain = (float *)(args.partial + 2 * all * image_blocks(state->images));
    args.mean_product = args.mean_plain + all;
    return args;
}

// Sums over rows, gathered a channel each, and joined a group each.
template <typename T, int N>
void run_sums(const struct state *state, numbers<T> *args, void (*sum)(const numbers<T>),
              void (*join)(const numbers<T>)) {
    args->walk = walk_rows(state->rows, state->channels, N, image_blocks(state->images), 4);
    const dim3 blocks = image_walk_blocks(args->walk, N, state->images);
    args->blocks = blocks.x;
    launch(state->backend, sum, blocks, walk_threads(args->walk), *args);
    launch(state->backend, group_norm_gather<T>, sums_blocks(state->channels, state->images),
           THREADS, *args);
    launch(state->backend, join, blocks_for(state->images * state->groups), THREADS, *args);
}

template <typename T, int N>
void run_apply(const struct state *state, numbers<T> args, void (*apply)(const numbers<T>)) {
    args.walk = walk_rows(state->rows, state->channels, N, (size_t)1 << 30, 8);
    const dim3 blocks = image_walk_blocks(args.walk, N, state->images);
    launch(state->backend, apply, blocks, walk_threads(args.walk), args);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    numbers<T> args = numbers_of<T>(call);
    args.result = (T *)call->out;
    if (call->mode == RUN_FORWARD) {
        run_sums<T, N>(state, &args, group_norm_sums<T, N>, group_norm_statistics<T>);
    }
    run_apply<T, N>(state, args, group_norm_apply<T, N>);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    numbers<T> args = numbers_of<T>(call);
    args.dy = (const T *)call->out_gradient;
    args.y = state->residual ? (const T *)call->out : NULL;
    args.result = (T *)call->in_gradient[0];
    args.add = call->add[0];
    args.residual_result = state->residual ? (T *)call->in_gradient[1] : NULL;
    args.add_residual = call->add[1];
    args.scale_gradient = call->gradient[GROUP_NORM_SCALE];
    args.shift_gradient = call->gradient[GROUP_NORM_SHIFT];
    run_sums<T, N>(state, &args, group_norm_gradient_sums<T, N>, group_norm_means<T>);
    launch(state->backend, group_norm_parameter_gradients<T>, blocks_for(state->channels), THREADS,
           args);
    if (args.result != NULL || args.residual_result != NULL) {
        run_apply<T, N>(state, args, group_norm_input_gradient<T, N>);
    }
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel group_norm_cuda = {plan, forward, backward, free, NULL};
const struct kernel group_norm_residual_cuda = {plan_residual, forward, backward, free, NULL};
