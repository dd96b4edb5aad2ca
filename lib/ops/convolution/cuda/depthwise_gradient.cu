// Depthwise convolutions by CUDA: the weights' gradient. Blocks sum up over their strips, a second
// launch over the blocks, in their order.
#include "backend/cuda/rows.h"
#include "ops/convolution/cuda/depthwise_walk.h"

namespace {

#ifndef DEPTHWISE_BLOCKS // fewer in tests
#define DEPTHWISE_BLOCKS ROWS_BLOCKS
#endif
#define FINISH_COLUMNS 16 // sums a block of the second launch

// Rows of the output that a thread takes at a time: as many as find registers.
template <int S>
constexpr int rows_of = S == 1 ? 2 : 1;

template <typename T>
struct sums_of_strips {
    depthwise_walk walk;
    int blocks, strips_a_thread;
    int height, width, out_height, out_width, pad;
    int taps;
    const T *x, *dy;
    float *partial; // blocks x taps x channels
    float *gradient;
};

// Registers of one thread: its sums, and the output's gradient of the steps whose windows reach
// into the columns that are read, the present one first.
template <int N, int K, int S>
struct sums_of_thread {
    static constexpr int out_rows = rows_of<S>, rows = (out_rows - 1) * S + K;
    static constexpr int live = (K + S - 1) / S;
    float taps[K * K][N];
    float dy[live][out_rows][N];
};

template <typename T, int N, int K, int S>
__device__ inline void add_products(
    const depthwise_words<T, N> (&x)[sums_of_thread<N, K, S>::rows][S],
    const depthwise_words<T, N> (&dy)[rows_of<S>][1], sums_of_thread<N, K, S> &sums) {
    constexpr int live = sums_of_thread<N, K, S>::live;
#pragma unroll
    for (int k = 0; k < (live - 1) * rows_of<S> * N; k++) {
        const int step = k / N / rows_of<S>;
        const int row = k / N % rows_of<S>;
        sums.dy[step][row][k % N] = sums.dy[(step + 1) % live][row][k % N];
    }
#pragma unroll
    for (int row = 0; row < rows_of<S>; row++) {
        unpack(dy[row][0], sums.dy[live - 1][row]);
    }
#pragma unroll
    for (int i = 0; i < sums_of_thread<N, K, S>::rows * S; i++) {
        float read[N];
        unpack(x[i / S][i % S], read);
#pragma unroll
        for (int k = 0; k < live * rows_of<S>; k++) {
            const int tap_row = i / S - S * (k % rows_of<S>);
            const int tap_column = K - S + i % S - S * (k / rows_of<S>);
            if (tap_row >= 0 && tap_row < K && tap_column >= 0) {
#pragma unroll
                for (int n = 0; n < N; n++) {
                    sums.taps[tap_row * K + tap_column][n] +=
                        read[n] * sums.dy[k / rows_of<S>][k % rows_of<S>][n];
                }
            }
        }
    }
}

template <typename T, int N, int K, int S>
__device__ inline void add_strip(const sums_of_strips<T> &args, const depthwise_strip &strip,
                                 int channel, sums_of_thread<N, K, S> &sums) {
    constexpr int live = sums_of_thread<N, K, S>::live;
    const int first = strip.first - (live - 1);
    const int row = strip.group * rows_of<S>;
    depthwise_view<T> x = view_of(args.x, strip.image, args.height, args.width, args.walk.channels,
                                  channel, row * S - args.pad, first * S - args.pad + K - S);
    depthwise_view<T> dy = view_of(args.dy, strip.image, args.out_height, args.out_width,
                                   args.walk.channels, channel, row, strip.first);
    depthwise_words<T, N> next[sums_of_thread<N, K, S>::rows][S];
    depthwise_words<T, N> next_dy[rows_of<S>][1];
#pragma unroll
    for (int k = 0; k < live * rows_of<S> * N; k++) {
        sums.dy[k / N / rows_of<S>][k / N % rows_of<S>][k % N] = 0;
    }
    read_view(x, true, next);
    read_view(dy, true, next_dy);
    for (int step = first; step < strip.end; step++) {
        depthwise_words<T, N> now[sums_of_thread<N, K, S>::rows][S];
        depthwise_words<T, N> now_dy[rows_of<S>][1];
        memcpy(now, next, sizeof now);
        memcpy(now_dy, next_dy, sizeof now_dy);
        go_right(x, S);
        go_right(dy, 1);
        read_view(x, step + 1 < strip.end, next);
        read_view(dy, step + live < strip.end, next_dy); // those of other strips are left to them
        add_products<T, N, K, S>(now, now_dy, sums);
    }
}

// Adds up what the block's threads have for the windows' row `row`, in the order of their strips.
template <typename T, int N, int K>
__device__ inline void write_sums(const sums_of_strips<T> &args, int row,
                                  const float (&taps)[K * K][N]) {
    __shared__ float sums[THREADS][K * N];
    __syncthreads(); // the row before has been read
#pragma unroll
    for (int k = 0; k < K * N; k++) {
        sums[threadIdx.x][k] = taps[row * K + k / N][k % N];
    }
    __syncthreads();
    const int block = (int)blockIdx.x / args.walk.channel_blocks;
    const int first = (int)blockIdx.x % args.walk.channel_blocks * args.walk.lanes * N;
    for (int i = (int)threadIdx.x; i < args.walk.lanes * K * N; i += (int)blockDim.x) {
        const int channel = i % (args.walk.lanes * N);
        const int column = i / (args.walk.lanes * N);
        double sum = 0;
        for (int slot = 0; slot < args.walk.slots; slot++) {
            sum += sums[slot * args.walk.lanes + channel / N][column * N + channel % N];
        }
        if (first + channel < args.walk.channels) {
            const size_t tap = (size_t)block * (K * K) + row * K + column;
            args.partial[tap * (size_t)args.walk.channels + first + channel] = (float)sum;
        }
    }
}

template <typename T, int N, int K, int S>
__global__ void __launch_bounds__(THREADS, 2) depthwise_weight_sums(const sums_of_strips<T> args) {
    const int channel = channel_of_thread(args.walk, N);
    const int first =
        (int)blockIdx.x / args.walk.channel_blocks * args.walk.slots * args.strips_a_thread +
        (int)threadIdx.x / args.walk.lanes;
    sums_of_thread<N, K, S> sums;
#pragma unroll
    for (int k = 0; k < K * K * N; k++) {
        sums.taps[k / N][k % N] = 0;
    }
    for (int i = 0; i < args.strips_a_thread && channel < args.walk.channels; i++) {
        const int index = first + i * args.walk.slots;
        if (index < args.walk.strips) {
            add_strip<T, N, K, S>(args, strip_at(args.walk, index), channel, sums);
        }
    }
#pragma unroll
    for (int row = 0; row < K; row++) {
        write_sums<T, N, K>(args, row, sums.taps);
    }
}

// The sums over the blocks, added to the gradient, which lies as channels x taps.
template <typename T>
__global__ void depthwise_weight_gradient(const sums_of_strips<T> args) {
    __shared__ double sums[THREADS];
    const int count = args.taps * args.walk.channels;
    const int i = (int)blockIdx.x * FINISH_COLUMNS + (int)threadIdx.x % FINISH_COLUMNS;
    double own = 0;
    for (int block = (int)threadIdx.x / FINISH_COLUMNS; i < count && block < args.blocks;
         block += THREADS / FINISH_COLUMNS) {
        own += args.partial[(size_t)block * (size_t)count + i];
    }
    sums[threadIdx.x] = own;
    __syncthreads();
    if (threadIdx.x >= FINISH_COLUMNS || i >= count) {
        return;
    }
    double sum = 0;
    for (unsigned k = threadIdx.x; k < THREADS; k += FINISH_COLUMNS) {
        sum += sums[k];
    }
    const int tap = i / args.walk.channels;
    args.gradient[(size_t)(i % args.walk.channels) * (size_t)args.taps + tap] += (float)sum;
}

// How the sums of strips are shared out: one wave of blocks, two a multiprocessor. Strips are cut
// for twice as many threads, so that they come out nearly even.
template <typename T>
sums_of_strips<T> shared_out(const struct convolution_shape *shape, int pack) {
    sums_of_strips<T> args = {};
    args.walk = walk_strips(
        shape->images,
        depthwise_ceiling((int)shape->out_height, shape->stride == 1 ? rows_of<1> : rows_of<2>),
        (int)shape->out_width, shape->channels, pack, (size_t)2 * DEPTHWISE_BLOCKS * THREADS);
    const int most = DEPTHWISE_BLOCKS > args.walk.channel_blocks
                         ? DEPTHWISE_BLOCKS / args.walk.channel_blocks
                         : 1;
    args.strips_a_thread = depthwise_ceiling(args.walk.strips, most * args.walk.slots);
    args.blocks = depthwise_ceiling(args.walk.strips, args.strips_a_thread * args.walk.slots);
    args.height = (int)shape->height;
    args.width = (int)shape->width;
    args.out_height = (int)shape->out_height;
    args.out_width = (int)shape->out_width;
    args.pad = (int)shape->pad;
    args.taps = (int)(shape->window * shape->window);
    return args;
}

template <typename T>
int pack_of(const struct convolution_shape *shape) {
    return shape->window == 3 ? depthwise_pack<T, 3> : depthwise_pack<T, 5>;
}

template <typename T>
void run_walk(struct backend *backend, const sums_of_strips<T> &args,
              void (*sum)(const sums_of_strips<T>)) {
    launch(backend, sum, dim3((unsigned)(args.blocks * args.walk.channel_blocks)),
           strip_threads(args.walk), args);
    const int count = args.taps * args.walk.channels;
    launch(backend, depthwise_weight_gradient<T>,
           dim3((unsigned)depthwise_ceiling(count, FINISH_COLUMNS)), THREADS, args);
}

// ---- any window and stride: the walk over rows of channels, a tap at a time

template <typename T>
struct sums_of_taps {
    rows_walk walk; // over the output's pixels; a tap is what an image is elsewhere
    int window, stride, pad;
    int height, width, out_height, out_width;
    const T *x, *dy;
    double *partial;
    size_t blocks;
    float *gradient;
};

template <typename T>
__global__ void depthwise_tap_sums(const sums_of_taps<T> args) {
    const rows_position position = position_of_thread(args.walk, 1);
    const size_t channels = args.walk.channels;
    float sum[1] = {0};
    const float nothing[1] = {0};
    for (size_t pixel = position.first; pixel < position.end; pixel += position.step) {
        const size_t image = pixel / (size_t)args.out_width / (size_t)args.out_height;
        const int y = (int)(pixel / (size_t)args.out_width % (size_t)args.out_height);
        const int x = (int)(pixel % (size_t)args.out_width);
        const int row = y * args.stride - args.pad + (int)blockIdx.z / args.window;
        const int column = x * args.stride - args.pad + (int)blockIdx.z % args.window;
        if (row >= 0 && row < args.height && column >= 0 && column < args.width) {
            const size_t from = (image * args.height + row) * args.width + column;
            sum[0] += to_float(args.dy[pixel * channels + position.channel]) *
                      to_float(args.x[from * channels + position.channel]);
        }
    }
    write_partial_sums(args.walk, sum, nothing,
                       partial_of_image(args.partial, args.walk, args.blocks));
}

template <typename T>
__global__ void depthwise_tap_gradient(const sums_of_taps<T> args) {
    const channel_sums sums = sum_image_partials(args.partial, args.walk, args.blocks);
    if (sums.has_channel) {
        const size_t taps = (size_t)args.window * (size_t)args.window;
        args.gradient[sums.channel * taps + blockIdx.z] += (float)sums.first;
    }
}

template <typename T>
void run_any(struct backend *backend, const struct convolution_shape *shape, const T *x,
             const T *dy, float *gradient, void *scratch) {
    const size_t taps = shape->window * shape->window;
    sums_of_taps<T> args = {.window = (int)shape->window,
                            .stride = (int)shape->stride,
                            .pad = (int)shape->pad,
                            .height = (int)shape->height,
                            .width = (int)shape->width,
                            .out_height = (int)shape->out_height,
                            .out_width = (int)shape->out_width,
                            .x = x,
                            .dy = dy,
                            .partial = (double *)scratch,
                            .gradient = gradient};
    launch_image_sums(backend, depthwise_tap_sums<T>, taps,
                      shape->images * shape->out_height * shape->out_width, shape->channels, 1,
                      &args);
    launch(backend, depthwise_tap_gradient<T>, sums_blocks(shape->channels, taps), THREADS, args);
}

// ----

template <typename T>
void weight_gradient(struct backend *backend, const struct convolution_shape *shape,
                     const void *input, const void *output_gradient, float *gradient,
                     void *scratch) {
    if (!depthwise_walks(shape)) {
        run_any<T>(backend, shape, (const T *)input, (const T *)output_gradient, gradient, scratch);
        return;
    }
    constexpr int few = depthwise_pack<T, 3>;
    constexpr int many = depthwise_pack<T, 5>;
    sums_of_strips<T> args = shared_out<T>(shape, pack_of<T>(shape));
    args.x = (const T *)input;
    args.dy = (const T *)output_gradient;
    args.partial = (float *)scratch;
    args.gradient = gradient;
    if (shape->window == 3) {
        run_walk(backend, args,
                 shape->stride == 1 ? depthwise_weight_sums<T, few, 3, 1>
                                    : depthwise_weight_sums<T, few, 3, 2>);
    } else {
        run_walk(backend, args,
                 shape->stride == 1 ? depthwise_weight_sums<T, many, 5, 1>
                                    : depthwise_weight_sums<T, many, 5, 2>);
    }
}

template <typename T>
size_t scratch_of(const struct convolution_shape *shape) {
    const size_t taps = shape->window * shape->window;
    if (!depthwise_walks(shape)) {
        return image_sums_bytes(taps, shape->channels);
    }
    const sums_of_strips<T> args = shared_out<T>(shape, pack_of<T>(shape));
    return (size_t)args.blocks * taps * shape->channels * sizeof(float);
}

} // namespace

size_t cuda_depthwise_scratch(const struct backend *backend,
                              const struct convolution_shape *shape) {
    return BY_PRECISION(backend->precision, scratch_of, shape);
}

void cuda_depthwise_weight_gradient(struct backend *backend, const struct convolution_shape *shape,
                                    const void *input, const void *output_gradient, float *gradient,
                                    void *scratch) {
    BY_PRECISION(backend->precision, weight_gradient, backend, shape, input, output_gradient,
                 gradient, scratch);
}
