// The bias's gradient of a convolution by CUDA: blocks' sums, then a second launch over them.
#include "ops/convolution/cuda/bias_gradient.h"

#include "backend/cuda/rows.h"

namespace {

template <typename T>
struct bias_sums {
    rows_walk walk;
    const T *dy;
    double *partial;
    size_t blocks;
    float *gradient;
};

template <typename T, int N>
__global__ void convolution_bias_sums(const bias_sums<T> args) {
    const rows_position position = position_of_thread(args.walk, N);
    float sum[N] = {0};
    const float nothing[N] = {0};
#pragma unroll 4
    for (unsigned k = 0; k < position.count; k++) {
        const size_t row = position.first + k * position.step;
        float dy[N];
        read_pack(args.dy + row * args.walk.channels + position.channel, dy);
        for (int i = 0; i < N; i++) {
            sum[i] += dy[i];
        }
    }
    write_partial_sums(args.walk, sum, nothing, args.partial);
}

template <typename T>
__global__ void convolution_bias_gradient(const bias_sums<T> args) {
    const channel_sums sums = sum_partials(args.partial, args.blocks, args.walk.channels);
    if (sums.has_channel) {
        args.gradient[sums.channel] += (float)sums.first;
    }
}

template <typename T, int N>
void run(struct backend *backend, const void *output_gradient, size_t rows, size_t channels,
         float *gradient, void *scratch) {
    bias_sums<T> args = {.walk = walk_rows(rows, channels, N, ROWS_BLOCKS, 4),
                         .dy = (const T *)output_gradient,
                         .partial = (double *)scratch};
    const dim3 blocks = walk_blocks(args.walk, N);
    args.blocks = blocks.x;
    args.gradient = gradient;
    launch(backend, convolution_bias_sums<T, N>, blocks, walk_threads(args.walk), args);
    launch(backend, convolution_bias_gradient<T>, sums_blocks(channels), THREADS, args);
}

} // namespace

size_t cuda_bias_scratch(size_t channels) {
    return ROWS_BLOCKS * 2 * channels * sizeof(double);
}

void cuda_bias_gradient(struct backend *backend, const void *output_gradient, size_t rows,
                        size_t channels, float *gradient, void *scratch) {
    BY_PACK(backend->precision, channels, run, backend, output_gradient, rows, channels, gradient,
            scratch);
}
