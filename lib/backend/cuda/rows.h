// How a kernel walks over rows of channels: a block takes some channels of a span of rows. A thread
// keeps to one pack of channels and goes down the rows, so what belongs to channels stays in its
// registers. Sums over rows: each block makes partial sums, in a fixed order, and a second launch
// adds them up.
#ifndef PLEURA_BACKEND_CUDA_ROWS_H
#define PLEURA_BACKEND_CUDA_ROWS_H

#include "backend/cuda/cuda.h"

#define ROWS_BLOCKS 264 // for sums: twice the multiprocessors of the largest device
#define ROWS_LANES 32   // packs a block at most: what a warp reads lies together

struct rows_walk {
    size_t rows, channels;
    size_t span;                // rows a block
    unsigned lanes;             // packs of channels a block, side by side
    unsigned rows_side_by_side; // rows a block, side by side
};

// `max_blocks` in all, or, where there are more packs than that many blocks have, one along the
// rows; `min_rows` rows a thread at least, where there are so many.
inline rows_walk walk_rows(size_t rows, size_t channels, int pack, size_t max_blocks,
                           size_t min_rows) {
    rows_walk walk = {rows, channels, 0, 0, 0};
    const size_t packs = channels / (size_t)pack;
    const size_t across = (packs + ROWS_LANES - 1) / ROWS_LANES;
    walk.lanes = (unsigned)((packs + across - 1) / across);
    walk.rows_side_by_side = THREADS / walk.lanes;
    const size_t steps = (rows + walk.rows_side_by_side - 1) / walk.rows_side_by_side;
    const size_t along = max_blocks > across ? max_blocks / across : 1;
    const size_t even = (steps + along - 1) / along;
    walk.span = (even > min_rows ? even : min_rows) * walk.rows_side_by_side;
    return walk;
}

// For passes that make no sums: a thread has up to 8 rows, as few as fill the device.
inline rows_walk walk_all_rows(size_t images, size_t rows, size_t channels, int pack) {
    const size_t threads = images * rows * (channels / (size_t)pack);
    const size_t filling = threads / (ROWS_BLOCKS * THREADS);
    return walk_rows(rows, channels, pack, (size_t)1 << 30,
                     filling < 1   ? 1
                     : filling < 8 ? filling
                                   : 8);
}

inline dim3 walk_blocks(const rows_walk &walk, int pack) {
    const size_t packs = walk.channels / (size_t)pack;
    return dim3((unsigned)((walk.rows + walk.span - 1) / walk.span),
                (unsigned)((packs + walk.lanes - 1) / walk.lanes));
}

inline unsigned walk_threads(const rows_walk &walk) {
    return walk.lanes * walk.rows_side_by_side;
}

// Where a thread works: rows first, first + step, ... below end, `count` of them, channels from
// `channel` on. A thread beyond the last channel has none: first = end. Loops that only read go by
// `count`, since the compiler reads several rows ahead only where it knows how many there are.
struct rows_position {
    size_t first, end, step, channel;
    unsigned count;
};

__device__ inline rows_position position_of_thread(const rows_walk &walk, int pack) {
    const size_t start = (size_t)blockIdx.x * walk.span;
    const size_t end = start + walk.span < walk.rows ? start + walk.span : walk.rows;
    const unsigned lane = threadIdx.x % walk.lanes;
    rows_position position;
    position.channel = ((size_t)blockIdx.y * walk.lanes + lane) * (size_t)pack;
    position.first = position.channel < walk.channels ? start + threadIdx.x / walk.lanes : end;
    position.end = end;
    position.step = walk.rows_side_by_side;
    position.count = 0;
    if (position.first < end) {
        position.count = ((unsigned)(end - position.first) - 1) / walk.rows_side_by_side + 1;
    }
    return position;
}

// Adds up what the block's threads have, two sums a channel, and writes them to partial[block][2]
// [channels]. All threads of the block must call it.
template <int N>
__device__ inline void write_partial_sums(const rows_walk &walk, const float (&one)[N],
                                          const float (&other)[N], double *partial) {
    __shared__ float ones[THREADS][N];
    __shared__ float others[THREADS][N];
    for (int i = 0; i < N; i++) {
        ones[threadIdx.x][i] = one[i];
        others[threadIdx.x][i] = other[i];
    }
    __syncthreads();
    const unsigned columns = walk.lanes * N;
    double *to = partial + (size_t)blockIdx.x * 2 * walk.channels;
    for (unsigned i = threadIdx.x; i < columns; i += blockDim.x) {
        const size_t channel = (size_t)blockIdx.y * columns + i;
        double first = 0;
        double second = 0;
        for (unsigned row = 0; row < walk.rows_side_by_side; row++) {
            first += ones[row * walk.lanes + i / N][i % N];
            second += others[row * walk.lanes + i / N][i % N];
        }
        if (channel < walk.channels) {
            to[channel] = first;
            to[walk.channels + channel] = second;
        }
    }
}

// ---- the same image by image: the walk goes over the rows of one, blockIdx.z is its number

inline size_t image_blocks(size_t images) {
    return images < ROWS_BLOCKS ? ROWS_BLOCKS / images : 1;
}

// Bytes of partial sums of all images.
inline size_t image_sums_bytes(size_t images, size_t channels) {
    return images * image_blocks(images) * 2 * channels * sizeof(double);
}

inline dim3 image_walk_blocks(const rows_walk &walk, int pack, size_t images) {
    const dim3 blocks = walk_blocks(walk, pack);
    return dim3(blocks.x, blocks.y, (unsigned)images);
}

// Launches a kernel over all images' rows that makes partial sums; its walk and blocks are put into
// the arguments.
template <typename A>
void launch_image_sums(struct backend *backend, void (*kernel)(const A), size_t images, size_t rows,
                       size_t channels, int pack, A *arguments) {
    arguments->walk = walk_rows(rows, channels, pack, image_blocks(images), 4);
    const dim3 blocks = image_walk_blocks(arguments->walk, pack, images);
    arguments->blocks = blocks.x;
    launch(backend, kernel, blocks, walk_threads(arguments->walk), *arguments);
}

// Launches one that makes none.
template <typename A>
void launch_image_rows(struct backend *backend, void (*kernel)(const A), size_t images, size_t rows,
                       size_t channels, int pack, A arguments) {
    arguments.walk = walk_all_rows(images, rows, channels, pack);
    launch(backend, kernel, image_walk_blocks(arguments.walk, pack, images),
           walk_threads(arguments.walk), arguments);
}

// Where a row of this block's image lies, from the channel on.
__device__ inline size_t offset_of_row(const rows_walk &walk, size_t row, size_t channel) {
    return (blockIdx.z * walk.rows + row) * walk.channels + channel;
}

// Where a channel of it lies in what images have once a channel.
__device__ inline size_t offset_of_channel(const rows_walk &walk, size_t channel) {
    return blockIdx.z * walk.channels + channel;
}

__device__ inline double *partial_of_image(double *partial, const rows_walk &walk, size_t blocks) {
    return partial + blockIdx.z * blocks * 2 * walk.channels;
}

// ---- the partial sums added up

#define SUMS_CHANNELS 8 // a block of sum_partials

// How sum_partials is launched, with THREADS threads a block.
inline dim3 sums_blocks(size_t channels, size_t images = 1) {
    return dim3(blocks_for(channels, SUMS_CHANNELS), 1, (unsigned)images);
}

// One channel's sums over all blocks.
struct channel_sums {
    bool has_channel; // if not, the thread has none
    size_t channel;
    double first, second;
};

__device__ inline channel_sums sum_partials(const double *partial, size_t blocks, size_t channels) {
    __shared__ double firsts[THREADS];
    __shared__ double seconds[THREADS];
    const size_t channel = (size_t)blockIdx.x * SUMS_CHANNELS + threadIdx.x % SUMS_CHANNELS;
    channel_sums sums = {threadIdx.x < SUMS_CHANNELS && channel < channels, channel, 0, 0};
    double first = 0;
    double second = 0;
    for (size_t block = threadIdx.x / SUMS_CHANNELS; channel < channels && block < blocks;
         block += THREADS / SUMS_CHANNELS) {
        first += partial[block * 2 * channels + channel];
        second += partial[(block * 2 + 1) * channels + channel];
    }
    firsts[threadIdx.x] = first;
    seconds[threadIdx.x] = second;
    __syncthreads();
    for (unsigned i = threadIdx.x % SUMS_CHANNELS; i < THREADS; i += SUMS_CHANNELS) {
        sums.first += firsts[i];
        sums.second += seconds[i];
    }
    return sums;
}

// Those of this block's image.
__device__ inline channel_sums sum_image_partials(double *partial, const rows_walk &walk,
                                                  size_t blocks) {
    return sum_partials(partial_of_image(partial, walk, blocks), blocks, walk.channels);
}

#endif
