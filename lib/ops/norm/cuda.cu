// norm by CUDA: rows are pixels. Statistics are sums of differences from the first pixel, which
// lies within the data, so that nothing cancels; a block's in float32 a thread, then float64.
#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"
#include "ops/norm/formula.h"

extern "C" {
#include "ops/norm/norm.h"
}

namespace {

struct state {
    struct backend *backend;
    size_t rows, channels;
    bool relu, residual;
    double momentum;
};

// What the kernels work on.
template <typename T>
struct numbers {
    rows_walk walk;
    const T *x, *residual, *y, *dy;
    T *result, *residual_result; // outputs, or the input's and the residual's gradient
    bool relu, add, add_residual;
    double momentum;
    const float *scale, *shift;       // parameters
    float *mean, *inverse, *rest;     // saved
    double *partial;                  // sums of blocks
    size_t blocks;                    // that made them
    float *mean_plain, *mean_product; // backward
    float *running_mean, *running_variance;
    float *scale_gradient, *shift_gradient;
};

// ---- forward

template <typename T, int N>
__global__ void norm_sums(const numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    float pivot[N] = {0};
    float plain[N] = {0};
    float squares[N] = {0};
    if (position.first < position.end) {
        read_pack(args.x + position.channel, pivot);
    }
    for (size_t row = position.first; row < position.end; row += position.step) {
        float x[N];
        read_pack(args.x + row * args.walk.channels + position.channel, x);
        for (int i = 0; i < N; i++) {
            const float apart = x[i] - pivot[i];
            plain[i] += apart;
            squares[i] += apart * apart;
        }
    }
    write_partial_sums(args.walk, position, plain, squares, args.partial);
}

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

// A pack's channels: y = (x - mean) * scale + shift.
template <int N>
struct affine {
    float mean[N], scale[N], shift[N];
};

template <typename T, int N>
__device__ inline affine<N> affine_of(const numbers<T> &args, size_t channel) {
    affine<N> result;
    for (int i = 0; i < N; i++) {
        const size_t c = channel + i;
        result.mean[i] = args.mean[c];
        result.scale[i] = args.scale[c] * args.inverse[c];
        result.shift[i] = norm_offset(args.shift[c], args.scale[c], args.rest[c]);
    }
    return result;
}

template <typename T, int N>
__global__ void norm_apply(const numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    const affine<N> factors = affine_of<T, N>(args, position.channel);
    const float minimum = args.relu ? 0 : -INFINITY; // NaN is to stay, and to be found
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here = row * args.walk.channels + position.channel;
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

// The output's gradient with the ReLU taken into account, and the input.
template <typename T, int N>
__device__ inline void read_gradient(const numbers<T> &args, const affine<N> &factors, size_t here,
                                     float (&x)[N], float (&dz)[N]) {
    read_pack(args.x + here, x);
    read_pack(args.dy + here, dz);
    if (!args.relu) {
        return;
    }
    float y[N];
    if (args.y != NULL) {
        read_pack(args.y + here, y);
    } else {
        for (int i = 0; i < N; i++) {
            y[i] = norm_of(x[i], factors.mean[i], factors.scale[i], factors.shift[i]);
        }
    }
    for (int i = 0; i < N; i++) {
        dz[i] = y[i] > 0 ? dz[i] : 0;
    }
}

template <typename T, int N>
__global__ void norm_gradient_sums(const numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    float plain[N] = {0};
    float product[N] = {0};
    if (position.first < position.end) {
        const affine<N> factors = affine_of<T, N>(args, position.channel);
        float inverse[N];
        float rest[N];
        for (int i = 0; i < N; i++) {
            inverse[i] = args.inverse[position.channel + i];
            rest[i] = args.rest[position.channel + i];
        }
        for (size_t row = position.first; row < position.end; row += position.step) {
            float x[N];
            float dz[N];
            read_gradient<T, N>(args, factors, row * args.walk.channels + position.channel, x, dz);
            for (int i = 0; i < N; i++) {
                plain[i] += dz[i];
                product[i] += dz[i] * norm_of(x[i], factors.mean[i], inverse[i], rest[i]);
            }
        }
    }
    write_partial_sums(args.walk, position, plain, product, args.partial);
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

template <typename T, int N>
__global__ void norm_input_gradient(const numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    const affine<N> factors = affine_of<T, N>(args, position.channel);
    float inverse[N];
    float rest[N];
    float plain[N];
    float product[N];
    for (int i = 0; i < N; i++) {
        const size_t c = position.channel + i;
        inverse[i] = args.inverse[c];
        rest[i] = args.rest[c];
        plain[i] = args.mean_plain[c];
        product[i] = args.mean_product[c];
    }
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here = row * args.walk.channels + position.channel;
        float x[N];
        float dz[N];
        float before[N] = {0};
        read_gradient<T, N>(args, factors, here, x, dz);
        if (args.residual_result != NULL) {
            float sum[N] = {0};
            if (args.add_residual) {
                read_pack(args.residual_result + here, sum);
            }
            for (int i = 0; i < N; i++) {
                sum[i] += dz[i];
            }
            write_pack(sum, args.residual_result + here);
        }
        if (args.result == NULL) {
            continue;
        }
        if (args.add) {
            read_pack(args.result + here, before);
        }
        for (int i = 0; i < N; i++) {
            const float normalised = norm_of(x[i], factors.mean[i], inverse[i], rest[i]);
            x[i] = before[i] +
                   norm_gradient(dz[i], normalised, factors.scale[i], plain[i], product[i]);
        }
        write_pack(x, args.result + here);
    }
}

// ---- both

bool plan_norm(struct kernel_plan *plan, bool residual, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct norm_attributes *attributes =
        (const struct norm_attributes *)plan->node->attributes;
    plan->scratch = (ROWS_BLOCKS * sizeof(double) + sizeof(float)) * 2 * shape.c;
    plan->saved = 3 * shape.c * sizeof(float);
    return keep_state<state>(plan,
                             {plan->backend, shape.n * shape.h * shape.w, shape.c, attributes->relu,
                              residual, attributes->momentum},
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
    numbers<T> args = {};
    args.x = (const T *)call->in[0];
    args.residual = state->residual ? (const T *)call->in[1] : NULL;
    args.relu = state->relu;
    args.momentum = state->momentum;
    args.scale = call->parameter[NORM_SCALE];
    args.shift = call->parameter[NORM_SHIFT];
    args.running_mean = call->parameter[NORM_MEAN];
    args.running_variance = call->parameter[NORM_VARIANCE];
    args.mean = (float *)call->saved;
    args.inverse = args.mean + state->channels;
    args.rest = args.inverse + state->channels;
    args.partial = (double *)call->scratch;
    args.mean_plain = (float *)(args.partial + ROWS_BLOCKS * 2 * state->channels);
    args.mean_product = args.mean_plain + state->channels;
    return args;
}

// Sums, then what is made of them, then what is done with that.
template <typename T, int N>
void run(const struct call *call, numbers<T> args, bool sums, void (*gather)(const numbers<T>),
         void (*finish)(const numbers<T>), void (*apply)(const numbers<T>)) {
    const struct state *state = (const struct state *)call->state;
    if (sums) {
        args.walk = walk_rows(state->rows, state->channels, N, ROWS_BLOCKS, 4);
        const dim3 blocks = walk_blocks(args.walk, N);
        args.blocks = blocks.x;
        launch(state->backend, gather, blocks, walk_threads(args.walk), args);
        launch(state->backend, finish, sums_blocks(state->channels), THREADS, args);
    }
    if (apply != NULL) {
        args.walk = walk_rows(state->rows, state->channels, N, (size_t)1 << 30, 8);
        launch(state->backend, apply, walk_blocks(args.walk, N), walk_threads(args.walk), args);
    }
}

template <typename T, int N>
void run_forward(const struct call *call) {
    numbers<T> args = numbers_of<T>(call);
    args.result = (T *)call->out;
    run<T, N>(call, args, call->mode == RUN_FORWARD, norm_sums<T, N>, norm_finish<T>,
              norm_apply<T, N>);
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
    args.scale_gradient = call->gradient[NORM_SCALE];
    args.shift_gradient = call->gradient[NORM_SHIFT];
    run<T, N>(call, args, true, norm_gradient_sums<T, N>, norm_parameter_gradients<T>,
              args.result != NULL || args.residual_result != NULL ? norm_input_gradient<T, N>
                                                                  : NULL);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel norm_cuda = {plan, forward, backward, free, NULL};
const struct kernel norm_residual_cuda = {plan_residual, forward, backward, free, NULL};
