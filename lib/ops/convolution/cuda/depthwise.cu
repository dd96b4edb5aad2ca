// Depthwise convolutions by CUDA: forward, and the input's gradient.
#include "ops/convolution/cuda/depthwise_walk.h"

namespace {

#define STRIP_THREADS                                                                              \
    ((size_t)THREADS * 528) // that strips are cut for: four blocks a multiprocessor

template <typename T>
struct maps {
    depthwise_walk walk;
    int window, stride, pad; // of windows that no walk knows
    size_t images;
    int from_height, from_width, to_height, to_width;
    int first_row, first_column; // of `from` for row and column 0 of `to`
    bool flipped;                // the windows are turned by 180 degrees
    bool relu;
    const T *from, *more;
    const float *weights, *bias;
    T *to;
};

// What a step of a walk reads, and which tap of the window leads from what is read to what is
// written. Of the rows and columns of `to` that a strip has at a time, `live` steps are being
// summed up; the first of them is complete.

// A window on R rows below each other.
template <int K, int S, int R>
struct window_walk {
    static constexpr int side = K, rows = (R - 1) * S + K, columns = S, row_step = R * S;
    static constexpr int live = (K + S - 1) / S, out_rows = R, out_columns = 1;
    static __device__ constexpr int tap_row(int row, int out_row) { return row - S * out_row; }
    static __device__ constexpr int tap_column(int column, int step, int) {
        return K - S + column - S * step;
    }
};

// The input's gradient of stride 2 and padding K / 2, by 2 x 2 of its pixels.
template <int K>
struct spread_walk {
    static constexpr int side = K, rows = (K + 1) / 2, columns = 1, row_step = 1;
    static constexpr int live = rows, out_rows = 2, out_columns = 2;
    static __device__ constexpr int tap_row(int row, int out_row) {
        return out_row + K / 2 + 2 * (rows - 2) - 2 * row;
    }
    static __device__ constexpr int tap_column(int, int step, int out_column) {
        return out_column + K / 2 - 2 + 2 * step;
    }
};

template <typename T, int N, typename W>
__device__ inline void add_columns(const depthwise_words<T, N> (&from)[W::rows][W::columns],
                                   const float (&weights)[W::side * W::side][N],
                                   float (&sums)[W::live][W::out_rows][W::out_columns][N]) {
#pragma unroll
    for (int i = 0; i < W::rows * W::columns; i++) {
        float x[N];
        unpack(from[i / W::columns][i % W::columns], x);
#pragma unroll
        for (int k = 0; k < W::live * W::out_rows * W::out_columns; k++) {
            const int step = k / W::out_columns / W::out_rows;
            const int out_row = k / W::out_columns % W::out_rows;
            const int out_column = k % W::out_columns;
            const int row = W::tap_row(i / W::columns, out_row);
            const int column = W::tap_column(i % W::columns, step, out_column);
            if (row >= 0 && row < W::side && column >= 0 && column < W::side) {
#pragma unroll
                for (int n = 0; n < N; n++) {
                    sums[step][out_row][out_column][n] += x[n] * weights[row * W::side + column][n];
                }
            }
        }
    }
}

// Writes the pixels of one step, whose first lies at (y, x), with what joins them.
template <typename T, int N, typename W>
__device__ inline void write_pixels(const maps<T> &args, int image, int y, int x, int channel,
                                    const float (&bias)[N],
                                    const float (&sums)[W::out_rows][W::out_columns][N]) {
    const float minimum = args.relu ? 0 : -INFINITY; // NaN is to stay, and to be found
#pragma unroll
    for (int k = 0; k < W::out_rows * W::out_columns; k++) {
        const int row = y + k / W::out_columns;
        const int column = x + k % W::out_columns;
        if (row < args.to_height && column < args.to_width) {
            const size_t pixel =
                ((size_t)image * args.to_height + row) * (size_t)args.to_width + column;
            const size_t here = pixel * (size_t)args.walk.channels + channel;
            float more[N] = {};
            if (args.more != NULL) {
                read_pack(args.more + here, more);
            }
#pragma unroll
            for (int n = 0; n < N; n++) {
                more[n] += sums[k / W::out_columns][k % W::out_columns][n] + bias[n];
                more[n] = more[n] < minimum ? minimum : more[n];
            }
            write_pack(more, args.to + here);
        }
    }
}

template <typename T, int N, typename W>
__global__ void __launch_bounds__(THREADS, 2) depthwise_apply(const maps<T> args) {
    const int channel = channel_of_thread(args.walk, N);
    const int index = (int)blockIdx.x / args.walk.channel_blocks * args.walk.slots +
                      (int)threadIdx.x / args.walk.lanes;
    if (channel >= args.walk.channels || index >= args.walk.strips) {
        return;
    }
    constexpr int taps = W::side * W::side;
    float weights[taps][N];
    float bias[N] = {};
#pragma unroll
    for (int k = 0; k < taps; k++) {
        const int tap = args.flipped ? taps - 1 - k : k;
        read_pack(args.weights + (size_t)tap * (size_t)args.walk.channels + channel, weights[k]);
    }
    if (args.bias != NULL) {
        read_pack(args.bias + channel, bias);
    }
    const depthwise_strip strip = strip_at(args.walk, index);
    const int first = strip.first - (W::live - 1);
    depthwise_view<T> view = view_of(
        args.from, strip.image, args.from_height, args.from_width, args.walk.channels, channel,
        strip.group * W::row_step + args.first_row, first * W::columns + args.first_column);
    float sums[W::live][W::out_rows][W::out_columns][N] = {};
    depthwise_words<T, N> next[W::rows][W::columns];
    read_view(view, true, next);
    for (int step = first; step < strip.end; step++) {
        depthwise_words<T, N> now[W::rows][W::columns];
        memcpy(now, next, sizeof now);
        go_right(view, W::columns);
        read_view(view, step + 1 < strip.end, next);
        add_columns<T, N, W>(now, weights, sums);
        if (step >= strip.first) {
            write_pixels<T, N, W>(args, strip.image, strip.group * W::out_rows,
                                  step * W::out_columns, channel, bias, sums[0]);
        }
#pragma unroll
        for (int k = 0; k < W::live * W::out_rows * W::out_columns * N; k++) {
            const int at = k / N / W::out_columns / W::out_rows;
            const int row = k / N / W::out_columns % W::out_rows;
            const int column = k / N % W::out_columns;
            sums[at][row][column][k % N] =
                at + 1 < W::live ? sums[(at + 1) % W::live][row][column][k % N] : 0;
        }
    }
}

template <typename T, typename W>
void run_walk(struct backend *backend, maps<T> args, size_t channels) {
    constexpr int N = depthwise_pack<T, W::side>;
    args.walk =
        walk_strips(args.images, depthwise_ceiling(args.to_height, W::out_rows),
                    depthwise_ceiling(args.to_width, W::out_columns), channels, N, STRIP_THREADS);
    const int blocks =
        depthwise_ceiling(args.walk.strips, args.walk.slots) * args.walk.channel_blocks;
    launch(backend, depthwise_apply<T, N, W>, dim3((unsigned)blocks), strip_threads(args.walk),
           args);
}

// ---- any window and stride: a thread a number of `to`

// Which row (or column) of `from` tap k takes to row `to`; -1: none.
template <typename T, bool gradient>
__device__ inline int row_from(const maps<T> &args, int to, int k, int count) {
    const int from = gradient ? to + args.pad - k : to * args.stride - args.pad + k;
    if (gradient) {
        return from >= 0 && from % args.stride == 0 && from / args.stride < count
                   ? from / args.stride
                   : -1;
    }
    return from < count ? from : -1;
}

template <typename T, bool gradient>
__global__ void depthwise_apply_any(const maps<T> args) {
    const size_t here = thread_number();
    const size_t channels = (size_t)args.walk.channels;
    const size_t pixel = here / channels;
    const size_t channel = here % channels;
    const int x = (int)(pixel % (size_t)args.to_width);
    const int y = (int)(pixel / (size_t)args.to_width % (size_t)args.to_height);
    const size_t image = pixel / (size_t)args.to_width / (size_t)args.to_height;
    if (image >= args.images) {
        return;
    }
    float sum = args.bias != NULL ? args.bias[channel] : 0;
    for (int tap = 0; tap < args.window * args.window; tap++) {
        const int row = row_from<T, gradient>(args, y, tap / args.window, args.from_height);
        const int column = row_from<T, gradient>(args, x, tap % args.window, args.from_width);
        if (row >= 0 && column >= 0) {
            const size_t from = (image * args.from_height + row) * args.from_width + column;
            sum += to_float(args.from[from * channels + channel]) *
                   args.weights[tap * channels + channel];
        }
    }
    sum += args.more != NULL ? to_float(args.more[here]) : 0;
    from_float(args.relu && sum < 0 ? 0 : sum, &args.to[here]);
}

template <typename T, bool gradient>
void run_any(struct backend *backend, maps<T> args, const struct convolution_shape *shape) {
    const size_t count =
        shape->images * (size_t)args.to_height * (size_t)args.to_width * shape->channels;
    args.walk.channels = (int)shape->channels;
    launch(backend, depthwise_apply_any<T, gradient>, dim3(blocks_for(count)), THREADS, args);
}

// ---- passes

template <typename T, int K>
void run_forward(struct backend *backend, const maps<T> &args, int stride, size_t channels) {
    constexpr int R = K == 5 && sizeof(T) == 2 ? 2 : 1; // as many as find registers
    if (stride == 1) {
        run_walk<T, window_walk<K, 1, 2>>(backend, args, channels);
    } else {
        run_walk<T, window_walk<K, 2, R>>(backend, args, channels);
    }
}

template <typename T>
void forward(struct backend *backend, const struct convolution_shape *shape, const void *input,
             const float *weights, const struct depthwise_joined *joined, void *output) {
    const int window = (int)shape->window;
    const int stride = (int)shape->stride;
    const int pad = (int)shape->pad;
    const maps<T> args = {.window = window,
                          .stride = stride,
                          .pad = pad,
                          .images = shape->images,
                          .from_height = (int)shape->height,
                          .from_width = (int)shape->width,
                          .to_height = (int)shape->out_height,
                          .to_width = (int)shape->out_width,
                          .first_row = -pad,
                          .first_column = window - stride - pad,
                          .relu = joined->relu,
                          .from = (const T *)input,
                          .more = (const T *)joined->more,
                          .weights = weights,
                          .bias = joined->bias,
                          .to = (T *)output};
    if (!depthwise_walks(shape)) {
        run_any<T, false>(backend, args, shape);
    } else if (window == 3) {
        run_forward<T, 3>(backend, args, stride, shape->channels);
    } else {
        run_forward<T, 5>(backend, args, stride, shape->channels);
    }
}

// With stride 1 it is a convolution of the output's gradient with the windows turned.
template <typename T, int K>
void run_gradient(struct backend *backend, maps<T> args, int stride, size_t channels) {
    if (stride == 1) {
        args.first_row = args.pad - (K - 1);
        args.first_column = args.pad;
        args.flipped = true;
        run_walk<T, window_walk<K, 1, 2>>(backend, args, channels);
    } else {
        args.first_row = 2 - spread_walk<K>::rows;
        args.first_column = 1;
        run_walk<T, spread_walk<K>>(backend, args, channels);
    }
}

template <typename T>
void input_gradient(struct backend *backend, const struct convolution_shape *shape,
                    const float *weights, const void *output_gradient, void *input_gradient,
                    bool add) {
    const maps<T> args = {.window = (int)shape->window,
                          .stride = (int)shape->stride,
                          .pad = (int)shape->pad,
                          .images = shape->images,
                          .from_height = (int)shape->out_height,
                          .from_width = (int)shape->out_width,
                          .to_height = (int)shape->height,
                          .to_width = (int)shape->width,
                          .from = (const T *)output_gradient,
                          .more = add ? (const T *)input_gradient : NULL,
                          .weights = weights,
                          .to = (T *)input_gradient};
    const bool centred = shape->pad == shape->window / 2;
    if (!depthwise_walks(shape) || (shape->stride == 2 && !centred)) {
        run_any<T, true>(backend, args, shape);
    } else if (shape->window == 3) {
        run_gradient<T, 3>(backend, args, args.stride, shape->channels);
    } else {
        run_gradient<T, 5>(backend, args, args.stride, shape->channels);
    }
}

} // namespace

void cuda_depthwise_forward(struct backend *backend, const struct convolution_shape *shape,
                            const void *input, const float *weights,
                            const struct depthwise_joined *joined, void *output) {
    BY_PRECISION(backend->precision, forward, backend, shape, input, weights, joined, output);
}

void cuda_depthwise_input_gradient(struct backend *backend, const struct convolution_shape *shape,
                                   const float *weights, const void *output_gradient, void *result,
                                   bool add) {
    BY_PRECISION(backend->precision, input_gradient, backend, shape, weights, output_gradient,
                 result, add);
}
