// norm by CUDA: rows are pixels. Statistics are sums of differences from the first pixel, which
// lies within the data, so that nothing cancels; a block's in float32 a thread, then float64.
#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"

extern "C" {
#include "ops/norm/norm.h"
}

namespace {

struct state {
    struct backend *backend;
    size_t rows, channels;
    bool relu, residual;
};

// What the kernels work on; the normalised input is (x - mean) * inverse + rest.
template <typename T>
struct numbers {
    rows_walk walk;
    const T *x, *residual, *y, *dy;
    T *made, *made_residual; // outputs, or the input's and the residual's gradient
    bool relu, add, add_residual;
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
__global__ void norm_sums(const numbers<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    float pivot[N] = {0};
    float plain[N] = {0};
    float squares[N] = {0};
    if (place.first < place.end) {
        read_pack(at.x + place.channel, pivot);
    }
    for (size_t row = place.first; row < place.end; row += place.step) {
        float x[N];
        read_pack(at.x + row * at.walk.channels + place.channel, x);
        for (int i = 0; i < N; i++) {
            const float apart = x[i] - pivot[i];
            plain[i] += apart;
            squares[i] += apart * apart;
        }
    }
    write_partial_sums(at.walk, place, plain, squares, at.partial);
}

template <typename T>
__global__ void norm_statistics(const numbers<T> at) {
    const channel_sums sums = sum_partials(at.partial, at.blocks, at.walk.channels);
    if (!sums.mine) {
        return;
    }
    const size_t c = sums.channel;
    const double rows = (double)at.walk.rows;
    const double apart = sums.first / rows;
    const double mean = to_float(at.x[c]) + apart;
    const double all = sums.second - apart * sums.first; // squared differences from the mean
    const double inverse = 1 / sqrt((all > 0 ? all : 0) / rows + NORM_EPSILON);
    at.mean[c] = (float)mean;
    at.inverse[c] = (float)inverse;
    at.rest[c] = (float)((at.mean[c] - mean) * inverse);
    at.running_mean[c] += (float)(NORM_MOMENTUM * (mean - at.running_mean[c]));
    at.running_variance[c] +=
        (float)(NORM_MOMENTUM * ((all > 0 ? all : 0) / (rows - 1) - at.running_variance[c]));
}

// A pack's channels: y = (x - mean) * scale + shift.
template <int N>
struct affine {
    float mean[N], scale[N], shift[N];
};

template <typename T, int N>
__device__ inline affine<N> affine_of(const numbers<T> &at, size_t channel) {
    affine<N> made;
    for (int i = 0; i < N; i++) {
        const size_t c = channel + i;
        made.mean[i] = at.mean[c];
        made.scale[i] = at.scale[c] * at.inverse[c];
        made.shift[i] = at.shift[c] + at.scale[c] * at.rest[c];
    }
    return made;
}

template <typename T, int N>
__global__ void norm_apply(const numbers<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    if (place.first >= place.end) {
        return;
    }
    const affine<N> factors = affine_of<T, N>(at, place.channel);
    const float least = at.relu ? 0 : -INFINITY; // NaN is to stay, and to be found
    for (size_t row = place.first; row < place.end; row += place.step) {
        const size_t here = row * at.walk.channels + place.channel;
        float x[N];
        float more[N] = {0};
        read_pack(at.x + here, x);
        if (at.residual != NULL) {
            read_pack(at.residual + here, more);
        }
        for (int i = 0; i < N; i++) {
            const float sum = (x[i] - factors.mean[i]) * factors.scale[i] + factors.shift[i];
            const float with = at.residual != NULL ? sum + more[i] : sum;
            x[i] = with < least ? least : with;
        }
        write_pack(x, at.made + here);
    }
}

// ---- backward

// The output's gradient with the ReLU taken into account, and the input.
template <typename T, int N>
__device__ inline void read_gradient(const numbers<T> &at, const affine<N> &factors, size_t here,
                                     float (&x)[N], float (&dz)[N]) {
    read_pack(at.x + here, x);
    read_pack(at.dy + here, dz);
    if (!at.relu) {
        return;
    }
    float y[N];
    if (at.y != NULL) {
        read_pack(at.y + here, y);
    } else {
        for (int i = 0; i < N; i++) {
            y[i] = (x[i] - factors.mean[i]) * factors.scale[i] + factors.shift[i];
        }
    }
    for (int i = 0; i < N; i++) {
        dz[i] = y[i] > 0 ? dz[i] : 0;
    }
}

template <typename T, int N>
__global__ void norm_gradient_sums(const numbers<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    float plain[N] = {0};
    float product[N] = {0};
    if (place.first < place.end) {
        const affine<N> factors = affine_of<T, N>(at, place.channel);
        float inverse[N];
        float rest[N];
        for (int i = 0; i < N; i++) {
            inverse[i] = at.inverse[place.channel + i];
            rest[i] = at.rest[place.channel + i];
        }
        for (size_t row = place.first; row < place.end; row += place.step) {
            float x[N];
            float dz[N];
            read_gradient<T, N>(at, factors, row * at.walk.channels + place.channel, x, dz);
            for (int i = 0; i < N; i++) {
                plain[i] += dz[i];
                product[i] += dz[i] * ((x[i] - factors.mean[i]) * inverse[i] + rest[i]);
            }
        }
    }
    write_partial_sums(at.walk, place, plain, product, at.partial);
}

template <typename T>
__global__ void norm_parameter_gradients(const numbers<T> at) {
    const channel_sums sums = sum_partials(at.partial, at.blocks, at.walk.channels);
    if (!sums.mine) {
        return;
    }
    const size_t c = sums.channel;
    at.scale_gradient[c] += (float)sums.second;
    at.shift_gradient[c] += (float)sums.first;
    at.mean_plain[c] = (float)(sums.first / (double)at.walk.rows);
    at.mean_product[c] = (float)(sums.second / (double)at.walk.rows);
}

// dx = scale * (dz - mean(dz) - xhat * mean(dz * xhat)), scale with the deviation in it.
template <typename T, int N>
__global__ void norm_input_gradient(const numbers<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    if (place.first >= place.end) {
        return;
    }
    const affine<N> factors = affine_of<T, N>(at, place.channel);
    float inverse[N];
    float rest[N];
    float plain[N];
    float product[N];
    for (int i = 0; i < N; i++) {
        const size_t c = place.channel + i;
        inverse[i] = at.inverse[c];
        rest[i] = at.rest[c];
        plain[i] = at.mean_plain[c];
        product[i] = at.mean_product[c];
    }
    for (size_t row = place.first; row < place.end; row += place.step) {
        const size_t here = row * at.walk.channels + place.channel;
        float x[N];
        float dz[N];
        float before[N] = {0};
        read_gradient<T, N>(at, factors, here, x, dz);
        if (at.made_residual != NULL) {
            float sum[N] = {0};
            if (at.add_residual) {
                read_pack(at.made_residual + here, sum);
            }
            for (int i = 0; i < N; i++) {
                sum[i] += dz[i];
            }
            write_pack(sum, at.made_residual + here);
        }
        if (at.made == NULL) {
            continue;
        }
        if (at.add) {
            read_pack(at.made + here, before);
        }
        for (int i = 0; i < N; i++) {
            const float xhat = (x[i] - factors.mean[i]) * inverse[i] + rest[i];
            x[i] = before[i] + factors.scale[i] * (dz[i] - plain[i] - xhat * product[i]);
        }
        write_pack(x, at.made + here);
    }
}

// ---- both

bool plan_norm(struct kernel_plan *plan, bool residual, struct error *error) {
    const struct shape shape = plan_output_shape(plan);
    const struct norm_attributes *attributes =
        (const struct norm_attributes *)plan->node->attributes;
    plan->scratch = (ROWS_BLOCKS * sizeof(double) + sizeof(float)) * 2 * shape.c;
    plan->saved = 3 * shape.c * sizeof(float);
    return keep_state<state>(
        plan, {plan->backend, shape.n * shape.h * shape.w, shape.c, attributes->relu, residual},
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
    numbers<T> at = {};
    at.x = (const T *)call->in[0];
    at.residual = state->residual ? (const T *)call->in[1] : NULL;
    at.relu = state->relu;
    at.scale = call->parameter[NORM_SCALE];
    at.shift = call->parameter[NORM_SHIFT];
    at.running_mean = call->parameter[NORM_MEAN];
    at.running_variance = call->parameter[NORM_VARIANCE];
    at.mean = (float *)call->saved;
    at.inverse = at.mean + state->channels;
    at.rest = at.inverse + state->channels;
    at.partial = (double *)call->scratch;
    at.mean_plain = (float *)(at.partial + ROWS_BLOCKS * 2 * state->channels);
    at.mean_product = at.mean_plain + state->channels;
    return at;
}

// Sums, then what is made of them, then what is done with that.
template <typename T, int N>
void run(const struct call *call, numbers<T> at, bool sums, void (*gather)(const numbers<T>),
         void (*finish)(const numbers<T>), void (*apply)(const numbers<T>)) {
    const struct state *state = (const struct state *)call->state;
    if (sums) {
        at.walk = walk_rows(state->rows, state->channels, N, ROWS_BLOCKS, 4);
        const dim3 blocks = walk_blocks(at.walk, N);
        at.blocks = blocks.x;
        launch(state->backend, gather, blocks, walk_threads(at.walk), at);
        launch(state->backend, finish, sums_blocks(state->channels), THREADS, at);
    }
    if (apply != NULL) {
        at.walk = walk_rows(state->rows, state->channels, N, (size_t)1 << 30, 8);
        launch(state->backend, apply, walk_blocks(at.walk, N), walk_threads(at.walk), at);
    }
}

template <typename T, int N>
void run_forward(const struct call *call) {
    numbers<T> at = numbers_of<T>(call);
    at.made = (T *)call->out;
    run<T, N>(call, at, call->mode == RUN_FORWARD, norm_sums<T, N>, norm_statistics<T>,
              norm_apply<T, N>);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    numbers<T> at = numbers_of<T>(call);
    at.dy = (const T *)call->out_gradient;
    at.y = state->residual ? (const T *)call->out : NULL;
    at.made = (T *)call->in_gradient[0];
    at.add = call->add[0];
    at.made_residual = state->residual ? (T *)call->in_gradient[1] : NULL;
    at.add_residual = call->add[1];
    at.scale_gradient = call->gradient[NORM_SCALE];
    at.shift_gradient = call->gradient[NORM_SHIFT];
    run<T, N>(call, at, true, norm_gradient_sums<T, N>, norm_parameter_gradients<T>,
              at.made != NULL || at.made_residual != NULL ? norm_input_gradient<T, N> : NULL);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->channels)

} // namespace

const struct kernel norm_cuda = {plan, forward, backward, free, NULL};
const struct kernel norm_residual_cuda = {plan_residual, forward, backward, free, NULL};
