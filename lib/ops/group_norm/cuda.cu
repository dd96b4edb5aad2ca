// group_norm by CUDA, image by image: statistics are made a channel each, and then brought together
// a group each, in float64.
#include "ops/norm/cuda_rows.h"

extern "C" {
#include "ops/group_norm/group_norm.h"
}

namespace {

struct state : norm_state {
    size_t groups;
};

// What the kernels work on.
template <typename T>
struct numbers : norm_numbers<T> {
    size_t images, groups, wide; // groups of so many channels
    double *first, *second;      // of an image's channels: what became of the blocks' sums
};

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

// Of a channel: forward the mean, and squared differences from it; backward the sums as they are.
template <typename T>
__global__ void group_norm_gather(const numbers<T> args) {
    const channel_sums sums = sum_image_partials(args.partial, args.walk, args.blocks);
    if (sums.has_channel) {
        const bool forward = args.dy == NULL;
        const size_t here = offset_of_channel(args.walk, sums.channel);
        const float pivot = to_float(args.x[offset_of_row(args.walk, 0, sums.channel)]);
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

// ---- backward

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

// ---- both

bool plan_norm(struct kernel_plan *plan, bool residual, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct group_norm_attributes *attributes =
        (const struct group_norm_attributes *)plan->node->attributes;
    plan->scratch = image_sums_bytes(shape.n, shape.c) +
                    2 * shape.n * shape.c * (sizeof(double) + sizeof(float));
    plan->saved = 3 * shape.n * shape.c * sizeof(float);
    struct state own;
    (struct norm_state &)own = {plan->backend, shape.n,          shape.h * shape.w,
                                shape.c,       attributes->relu, residual};
    own.groups = attributes->groups;
    return keep_state(plan, own, error);
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
    norm_set<T>(call, *state, GROUP_NORM_SCALE, GROUP_NORM_SHIFT, &args);
    args.images = state->images;
    args.groups = state->groups;
    args.wide = state->channels / state->groups;
    args.first = (double *)call->scratch;
    args.second = args.first + all;
    args.partial = args.second + all;
    args.mean_plain = (float *)(args.partial + 2 * all * image_blocks(state->images));
    args.mean_product = args.mean_plain + all;
    return args;
}

// Sums over rows, gathered a channel each, and joined a group each.
template <typename T, int N>
void run_sums(const struct state *state, numbers<T> *args, void (*sum)(const norm_numbers<T>),
              void (*join)(const numbers<T>)) {
    launch_image_sums<norm_numbers<T>>(state->backend, sum, state->images, state->rows,
                                       state->channels, N, args);
    launch(state->backend, group_norm_gather<T>, sums_blocks(state->channels, state->images),
           THREADS, *args);
    launch(state->backend, join, blocks_for(state->images * state->groups), THREADS, *args);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    numbers<T> args = numbers_of<T>(call);
    norm_set_forward<T>(call, *state, &args);
    if (call->mode == RUN_FORWARD) {
        run_sums<T, N>(state, &args, norm_row_sums<T, N>, group_norm_statistics<T>);
    }
    launch_image_rows<norm_numbers<T>>(state->backend, norm_apply_rows<T, N>, state->images,
                                       state->rows, state->channels, N, args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    numbers<T> args = numbers_of<T>(call);
    norm_set_backward<T>(call, *state, GROUP_NORM_SCALE, GROUP_NORM_SHIFT, &args);
    run_sums<T, N>(state, &args, norm_gradient_row_sums<T, N>, group_norm_means<T>);
    launch(state->backend, group_norm_parameter_gradients<T>, blocks_for(state->channels), THREADS,
           args);
    if (args.result != NULL || args.residual_result != NULL) {
        launch_image_rows<norm_numbers<T>>(state->backend, norm_input_gradients<T, N, true>,
                                           state->images, state->rows, state->channels, N, args);
    }
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel group_norm_cuda = {plan, forward, backward, free, NULL};
const struct kernel group_norm_residual_cuda = {plan_residual, forward, backward, free, NULL};
