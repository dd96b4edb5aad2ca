// norm by CUDA: statistics of the rows of all images together.
#include "ops/norm/cuda_rows.h"

extern "C" {
#include "ops/norm/norm.h"
}

namespace {

struct state : norm_state { // with one image of all rows
    double momentum;
};

// What the kernels work on.
template <typename T>
struct numbers : norm_numbers<T> {
    double momentum;
    float *running_mean, *running_variance;
};

template <typename T>
__global__ void norm_finish(const numbers<T> args) {
    const channel_sums sums = sum_partials(args.partial, args.blocks, args.walk.channels);
    if (!sums.has_channel) {
        return;
    }
    const size_t c = sums.channel;
    const double rows = (double)args.walk.rows;
    const double apart = sums.first / rows;
    const double mean = to_float(args.x[c]) + apart;
    const double all = sums.second - apart * sums.first; // squared differences from the mean
    const norm_channel channel = norm_statistics(mean, all > 0 ? all : 0, rows, args.momentum,
                                                 &args.running_mean[c], &args.running_variance[c]);
    args.mean[c] = channel.mean;
    args.inverse[c] = channel.inverse;
    args.rest[c] = channel.rest;
}

template <typename T>
__global__ void norm_parameter_gradients(const numbers<T> args) {
    const channel_sums sums = sum_partials(args.partial, args.blocks, args.walk.channels);
    if (!sums.has_channel) {
        return;
    }
    const size_t c = sums.channel;
    args.scale_gradient[c] += (float)sums.second;
    args.shift_gradient[c] += (float)sums.first;
    args.mean_plain[c] = (float)(sums.first / (double)args.walk.rows);
    args.mean_product[c] = (float)(sums.second / (double)args.walk.rows);
}

bool plan_norm(struct kernel_plan *plan, bool residual, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct norm_attributes *attributes =
        (const struct norm_attributes *)plan->node->attributes;
    plan->scratch = (ROWS_BLOCKS * sizeof(double) + sizeof(float)) * 2 * shape.c;
    plan->saved = 3 * shape.c * sizeof(float);
    struct state own;
    (struct norm_state &)own = {plan->backend,    1,       shape.n * shape.h * shape.w, shape.c,
                                attributes->relu, residual};
    own.momentum = attributes->momentum;
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
    numbers<T> args = {};
    norm_set<T>(call, *state, NORM_SCALE, NORM_SHIFT, &args);
    args.momentum = state->momentum;
    args.running_mean = call->parameter[NORM_MEAN];
    args.running_variance = call->parameter[NORM_VARIANCE];
    args.partial = (double *)call->scratch;
    args.mean_plain = (float *)(args.partial + ROWS_BLOCKS * 2 * state->channels);
    args.mean_product = args.mean_plain + state->channels;
    return args;
}

// Sums over rows, then what is made of them.
template <typename T, int N>
void run_sums(const struct state *state, numbers<T> *args, void (*sum)(const norm_numbers<T>),
              void (*finish)(const numbers<T>)) {
    launch_image_sums<norm_numbers<T>>(state->backend, sum, state->images, state->rows,
                                       state->channels, N, args);
    launch(state->backend, finish, sums_blocks(state->channels), THREADS, *args);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    numbers<T> args = numbers_of<T>(call);
    norm_set_forward<T>(call, *state, &args);
    if (call->mode == RUN_FORWARD) {
        run_sums<T, N>(state, &args, norm_row_sums<T, N>, norm_finish<T>);
    }
    launch_image_rows<norm_numbers<T>>(state->backend, norm_apply_rows<T, N>, state->images,
                                       state->rows, state->channels, N, args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    numbers<T> args = numbers_of<T>(call);
    norm_set_backward<T>(call, *state, NORM_SCALE, NORM_SHIFT, &args);
    run_sums<T, N>(state, &args, norm_gradient_row_sums<T, N>, norm_parameter_gradients<T>);
    if (args.result != NULL || args.residual_result != NULL) {
        launch_image_rows<norm_numbers<T>>(state->backend, norm_input_gradients<T, N, false>,
                                           state->images, state->rows, state->channels, N, args);
    }
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel norm_cuda = {plan, forward, backward, free, NULL};
const struct kernel norm_residual_cuda = {plan_residual, forward, backward, free, NULL};
