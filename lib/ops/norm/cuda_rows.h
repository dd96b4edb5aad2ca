// What norm and group_norm share by CUDA: passes over rows, a row a pixel. Statistics are sums of
// differences from the image's first pixel, which lies within the data, so that nothing cancels; a
// block's in float32 a thread, then float64. What is saved is a channel's of an image, one image
// behind the other; the batch of norm is one image of all its rows.
#ifndef PLEURA_OPS_NORM_CUDA_ROWS_H
#define PLEURA_OPS_NORM_CUDA_ROWS_H

#include "backend/cuda/rows.h"
#include "ops/cuda_operation.h"
#include "ops/norm/formula.h"

struct norm_state {
    struct backend *backend;
    size_t images, rows, channels; // rows of one image
    bool relu, residual;
};

// What the kernels work on.
template <typename T>
struct norm_numbers {
    rows_walk walk;
    const T *x, *residual, *y, *dy;
    T *result, *residual_result; // outputs, or the input's and the residual's gradient
    bool relu, add, add_residual;
    const float *scale, *shift;       // parameters
    float *mean, *inverse, *rest;     // saved
    double *partial;                  // sums of blocks
    size_t blocks;                    // of one image, that made them
    float *mean_plain, *mean_product; // backward
    float *scale_gradient, *shift_gradient;
};

// ---- forward

template <typename T, int N>
__global__ void norm_row_sums(const norm_numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    float pivot[N] = {0};
    float plain[N] = {0};
    float squares[N] = {0};
    if (position.first < position.end) {
        read_pack(args.x + offset_of_row(args.walk, 0, position.channel), pivot);
    }
#pragma unroll 4
    for (unsigned k = 0; k < position.count; k++) {
        const size_t row = position.first + k * position.step;
        float x[N];
        read_pack(args.x + offset_of_row(args.walk, row, position.channel), x);
        for (int i = 0; i < N; i++) {
            const float apart = x[i] - pivot[i];
            plain[i] += apart;
            squares[i] += apart * apart;
        }
    }
    write_partial_sums(args.walk, plain, squares,
                       partial_of_image(args.partial, args.walk, args.blocks));
}

// A pack's channels: y = (x - mean) * scale + shift, normalised = (x - mean) * inverse + rest.
template <int N>
struct norm_factors {
    float mean[N], scale[N], shift[N], inverse[N], rest[N];
};

template <typename T, int N>
__device__ inline norm_factors<N> norm_factors_of(const norm_numbers<T> &args, size_t channel) {
    norm_factors<N> result;
    for (int i = 0; i < N; i++) {
        const size_t c = offset_of_channel(args.walk, channel + i);
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
__global__ void norm_apply_rows(const norm_numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    const norm_factors<N> factors = norm_factors_of<T, N>(args, position.channel);
    const float minimum = args.relu ? 0 : -INFINITY; // NaN is to stay, and to be found
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here = offset_of_row(args.walk, row, position.channel);
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
__device__ inline void norm_read_gradient(const norm_numbers<T> &args,
                                          const norm_factors<N> &factors, size_t here,
                                          float (&normalised)[N], float (&dz)[N]) {
    float y[N] = {0};
    read_pack(args.x + here, normalised);
    read_pack(args.dy + here, dz);
    if (args.relu && args.y != NULL) {
        read_pack(args.y + here, y);
    }
    for (int i = 0; i < N; i++) {
        if (args.relu && args.y == NULL) {
            y[i] = norm_of(normalised[i], factors.mean[i], factors.scale[i], factors.shift[i]);
        }
        dz[i] = args.relu && !(y[i] > 0) ? 0 : dz[i];
        normalised[i] =
            norm_of(normalised[i], factors.mean[i], factors.inverse[i], factors.rest[i]);
    }
}

template <typename T, int N>
__global__ void norm_gradient_row_sums(const norm_numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    float plain[N] = {0};
    float product[N] = {0};
    if (position.first < position.end) {
        const norm_factors<N> factors = norm_factors_of<T, N>(args, position.channel);
#pragma unroll 2
        for (unsigned k = 0; k < position.count; k++) {
            const size_t row = position.first + k * position.step;
            float normalised[N];
            float dz[N];
            norm_read_gradient<T, N>(args, factors, offset_of_row(args.walk, row, position.channel),
                                     normalised, dz);
            for (int i = 0; i < N; i++) {
                plain[i] += dz[i];
                product[i] += dz[i] * normalised[i];
            }
        }
    }
    write_partial_sums(args.walk, plain, product,
                       partial_of_image(args.partial, args.walk, args.blocks));
}

template <typename T, int N>
__device__ inline void norm_write_or_add(float (&sum)[N], bool add, T *to) {
    float before[N] = {0};
    if (add) {
        read_pack(to, before);
    }
    for (int i = 0; i < N; i++) {
        sum[i] += before[i];
    }
    write_pack(sum, to);
}

// The means are those of dz, or, by group, of scale * dz.
template <typename T, int N, bool by_group>
__global__ void norm_input_gradients(const norm_numbers<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    if (position.first >= position.end) {
        return;
    }
    const norm_factors<N> factors = norm_factors_of<T, N>(args, position.channel);
    float plain[N];
    float product[N];
    for (int i = 0; i < N; i++) {
        const size_t c = offset_of_channel(args.walk, position.channel + i);
        plain[i] = args.mean_plain[c];
        product[i] = args.mean_product[c];
    }
    for (size_t row = position.first; row < position.end; row += position.step) {
        const size_t here = offset_of_row(args.walk, row, position.channel);
        float dx[N];
        float dz[N];
        norm_read_gradient<T, N>(args, factors, here, dx, dz);
        for (int i = 0; i < N; i++) {
            const float own = by_group ? args.scale[position.channel + i] * dz[i] : dz[i];
            dx[i] = norm_gradient(own, dx[i], by_group ? factors.inverse[i] : factors.scale[i],
                                  plain[i], product[i]);
        }
        if (args.result != NULL) {
            norm_write_or_add<T, N>(dx, args.add, args.result + here);
        }
        if (args.residual_result != NULL) {
            norm_write_or_add<T, N>(dz, args.add_residual, args.residual_result + here);
        }
    }
}

// ---- both

// The arguments of both passes. `scale` and `shift` are the parameters' numbers.
template <typename T>
void norm_set(const struct call *call, const norm_state &state, int scale, int shift,
              norm_numbers<T> *args) {
    args->x = (const T *)call->in[0];
    args->relu = state.relu;
    args->scale = call->parameter[scale];
    args->shift = call->parameter[shift];
    args->mean = (float *)call->saved;
    args->inverse = args->mean + state.images * state.channels;
    args->rest = args->inverse + state.images * state.channels;
}

template <typename T>
void norm_set_forward(const struct call *call, const norm_state &state, norm_numbers<T> *args) {
    args->residual = state.residual ? (const T *)call->in[1] : NULL;
    args->result = (T *)call->out;
}

template <typename T>
void norm_set_backward(const struct call *call, const norm_state &state, int scale, int shift,
                       norm_numbers<T> *args) {
    args->dy = (const T *)call->out_gradient;
    args->y = state.residual ? (const T *)call->out : NULL;
    args->result = (T *)call->in_gradient[0];
    args->add = call->add[0];
    args->residual_result = state.residual ? (T *)call->in_gradient[1] : NULL;
    args->add_residual = call->add[1];
    args->scale_gradient = call->gradient[scale];
    args->shift_gradient = call->gradient[shift];
}

#endif
