// Convolutions of 1 x 1 on a few pixels by CUDA. A number of the result is summed up by several
// threads of a block, each over some of the products, then by halves in a fixed order.
#include "ops/convolution/cuda/few_pixels.h"

#define MAX_PIXELS 32
#define ROWS 8           // pixels a block
#define FEWEST_BLOCKS 64 // of the input's gradient, where there are so many channels

namespace {

template <typename T>
struct product {
    int pixels, channels, out_channels;
    int lanes; // threads that share a result's sum, or lie side by side
    const T *x, *dy, *weights, *bias, *more;
    bool relu;
    T *result;
    float *weight_gradient, *bias_gradient;
};

// Adds up sums[..] of the threads that are `apart` from each other, `count` (a power of two) in
// all; the first of them, and all others of the block once they have waited, find it in shared[..].
template <int N>
__device__ inline void add_up(const float (&sums)[N], float (&shared)[N][THREADS], int index,
                              int count, int apart) {
#pragma unroll
    for (int i = 0; i < N; i++) {
        shared[i][threadIdx.x] = sums[i];
    }
    for (int half = count / 2; half > 0; half /= 2) {
        __syncthreads();
        if (index < half) {
#pragma unroll
            for (int i = 0; i < N; i++) {
                shared[i][threadIdx.x] += shared[i][threadIdx.x + (unsigned)(half * apart)];
            }
        }
    }
    __syncthreads();
}

template <typename T, int N>
__global__ void few_pixels_forward(const product<T> args) {
    __shared__ float shared[ROWS][THREADS];
    const int lane = (int)threadIdx.x % args.lanes;
    const int place = (int)threadIdx.x / args.lanes;
    const int out = (int)blockIdx.x * (THREADS / args.lanes) + place;
    const int first = (int)blockIdx.y * ROWS;
    float sums[ROWS] = {};
    for (int c = lane * N; out < args.out_channels && c < args.channels; c += args.lanes * N) {
        float weights[N];
        read_pack(args.weights + (size_t)out * (size_t)args.channels + c, weights);
#pragma unroll
        for (int row = 0; row < ROWS; row++) {
            if (first + row < args.pixels) {
                float x[N];
                read_pack(args.x + (size_t)(first + row) * (size_t)args.channels + c, x);
                for (int n = 0; n < N; n++) {
                    sums[row] += x[n] * weights[n];
                }
            }
        }
    }
    add_up(sums, shared, lane, args.lanes, 1);
    if (lane < ROWS && first + lane < args.pixels && out < args.out_channels) {
        const size_t here = (size_t)(first + lane) * (size_t)args.out_channels + out;
        float sum = shared[lane][place * args.lanes];
        sum += args.bias != NULL ? to_float(args.bias[out]) : 0;
        sum += args.more != NULL ? to_float(args.more[here]) : 0;
        from_float(args.relu && sum < 0 ? 0 : sum, &args.result[here]);
    }
}

template <typename T, int N>
__global__ void few_pixels_input_gradient(const product<T> args) {
    __shared__ float shared[ROWS * N][THREADS];
    const int lane = (int)threadIdx.x % args.lanes;
    const int slot = (int)threadIdx.x / args.lanes;
    const int slots = THREADS / args.lanes;
    const int channel = ((int)blockIdx.x * args.lanes + lane) * N;
    const int first = (int)blockIdx.y * ROWS;
    float sums[ROWS * N] = {};
    for (int out = slot; channel < args.channels && out < args.out_channels; out += slots) {
        float weights[N];
        read_pack(args.weights + (size_t)out * (size_t)args.channels + channel, weights);
#pragma unroll
        for (int row = 0; row < ROWS; row++) {
            if (first + row < args.pixels) {
                const size_t here = (size_t)(first + row) * (size_t)args.out_channels + out;
                const float dy = to_float(args.dy[here]);
#pragma unroll
                for (int n = 0; n < N; n++) {
                    sums[row * N + n] += dy * weights[n];
                }
            }
        }
    }
    add_up(sums, shared, slot, slots, args.lanes);
    if (slot < ROWS && first + slot < args.pixels && channel < args.channels) {
        T *to = args.result + (size_t)(first + slot) * (size_t)args.channels + channel;
        float sum[N] = {};
        if (args.more != NULL) {
            read_pack(to, sum);
        }
        for (int n = 0; n < N; n++) {
            sum[n] += shared[slot * N + n][lane];
        }
        write_pack(sum, to);
    }
}

// A thread a weight; those of a row's first one make the bias's gradient, too.
template <typename T>
__global__ void few_pixels_parameter_gradients(const product<T> args) {
    const size_t i = thread_number();
    const int out = (int)(i / (size_t)args.channels);
    const int channel = (int)(i % (size_t)args.channels);
    if (out >= args.out_channels) {
        return;
    }
    float weight = 0;
    float bias = 0;
    for (int row = 0; row < args.pixels; row++) {
        const float dy = to_float(args.dy[(size_t)row * (size_t)args.out_channels + out]);
        weight += dy * to_float(args.x[(size_t)row * (size_t)args.channels + channel]);
        bias += dy;
    }
    if (args.weight_gradient != NULL) {
        args.weight_gradient[i] += weight;
    }
    if (args.bias_gradient != NULL && channel == 0) {
        args.bias_gradient[out] += bias;
    }
}

template <typename T>
product<T> product_of(const struct convolution_shape *shape) {
    product<T> args = {};
    args.pixels = (int)(shape->images * shape->out_height * shape->out_width);
    args.channels = (int)shape->channels;
    args.out_channels = (int)shape->out_channels;
    return args;
}

dim3 blocks_of(size_t count, size_t each, int pixels) {
    return dim3(blocks_for(count, each), blocks_for((size_t)pixels, ROWS));
}

// Enough lanes for a result's products that each has about two packs of them.
template <typename T, int N>
void run_forward(struct backend *backend, const struct convolution_shape *shape, const void *input,
                 const void *weights, const struct cuda_joined *joined, void *output) {
    product<T> args = product_of<T>(shape);
    args.lanes = ROWS;
    while (args.lanes < THREADS && args.lanes * 2 * N < args.channels) {
        args.lanes *= 2;
    }
    args.x = (const T *)input;
    args.weights = (const T *)weights;
    args.bias = (const T *)joined->bias;
    args.more = (const T *)joined->residual;
    args.relu = joined->relu;
    args.result = (T *)output;
    launch(backend, few_pixels_forward<T, N>,
           blocks_of(shape->out_channels, (size_t)(THREADS / args.lanes), args.pixels), THREADS,
           args);
}

template <typename T, int N>
void run_input_gradient(struct backend *backend, const struct convolution_shape *shape,
                        const void *weights, const void *output_gradient, void *input_gradient,
                        bool add) {
    product<T> args = product_of<T>(shape);
    args.lanes = 8;
    while (args.lanes > 1 && args.channels / N / args.lanes < FEWEST_BLOCKS) {
        args.lanes /= 2;
    }
    args.weights = (const T *)weights;
    args.dy = (const T *)output_gradient;
    args.more = add ? (const T *)input_gradient : NULL;
    args.result = (T *)input_gradient;
    launch(backend, few_pixels_input_gradient<T, N>,
           blocks_of(shape->channels, (size_t)(args.lanes * N), args.pixels), THREADS, args);
}

template <typename T>
void input_gradient(struct backend *backend, const struct convolution_shape *shape,
                    const void *weights, const void *output_gradient, void *result, bool add) {
    if (shape->channels % 2 == 0) {
        run_input_gradient<T, 2>(backend, shape, weights, output_gradient, result, add);
    } else {
        run_input_gradient<T, 1>(backend, shape, weights, output_gradient, result, add);
    }
}

template <typename T>
void parameter_gradients(struct backend *backend, const struct convolution_shape *shape,
                         const void *input, const void *output_gradient, float *weight_gradient,
                         float *bias_gradient) {
    product<T> args = product_of<T>(shape);
    args.x = (const T *)input;
    args.dy = (const T *)output_gradient;
    args.weight_gradient = weight_gradient;
    args.bias_gradient = bias_gradient;
    launch(backend, few_pixels_parameter_gradients<T>,
           dim3(blocks_for(shape->channels * shape->out_channels)), THREADS, args);
}

} // namespace

bool cuda_few_pixels_takes(const struct convolution_shape *shape) {
    return shape->window == 1 && shape->stride == 1 && shape->pad == 0 && shape->groups == 1 &&
           shape->images * shape->height * shape->width <= MAX_PIXELS;
}

void cuda_few_pixels_forward(struct backend *backend, const struct convolution_shape *shape,
                             const void *input, const void *weights,
                             const struct cuda_joined *joined, void *output) {
    BY_PACK(backend->precision, shape->channels, run_forward, backend, shape, input, weights,
            joined, output);
}

void cuda_few_pixels_input_gradient(struct backend *backend, const struct convolution_shape *shape,
                                    const void *weights, const void *output_gradient, void *result,
                                    bool add) {
    BY_PRECISION(backend->precision, input_gradient, backend, shape, weights, output_gradient,
                 result, add);
}

void cuda_few_pixels_parameter_gradients(struct backend *backend,
                                         const struct convolution_shape *shape, const void *input,
                                         const void *output_gradient, float *weight_gradient,
                                         float *bias_gradient) {
    BY_PRECISION(backend->precision, parameter_gradients, backend, shape, input, output_gradient,
                 weight_gradient, bias_gradient);
}
