// How the kernels of depthwise convolutions walk. A strip is a few rows of an image's map and some
// of its columns. A thread keeps to one pack of channels, whose weights, or whose sums, stay in its
// registers, and goes along the columns of a strip, so that it reads each of the other map's
// numbers once for all the rows and windows that they belong to; the next columns are on their way
// meanwhile. A block takes packs side by side and strips below each other, which find the rows that
// they share in the cache.
#ifndef PLEURA_OPS_CONVOLUTION_CUDA_DEPTHWISE_WALK_H
#define PLEURA_OPS_CONVOLUTION_CUDA_DEPTHWISE_WALK_H

#include "ops/convolution/cuda/depthwise.h"

#define DEPTHWISE_LANES 32 // packs a block: a warp reads what lies together
#define DEPTHWISE_STEPS 8  // columns a strip at least, where a map has so many

// Channels a thread: weights of a window of 3 x 3 take 36 registers or less, of 5 x 5 50.
template <typename T, int K>
constexpr int depthwise_pack = K == 3 && sizeof(T) == 2 ? 4 : 2;

// Whether the kernels that walk know the layer; the others go number by number.
inline bool depthwise_walks(const struct convolution_shape *shape) {
    return (shape->window == 3 || shape->window == 5) && shape->stride <= 2 &&
           shape->channels % 4 == 0;
}

struct depthwise_walk {
    int channels, channel_blocks;
    int lanes, slots;             // packs, and strips, of a block at a time
    int groups, segments, length; // of an image: groups of rows; segments of `length` columns
    int steps;                    // columns in all
    int strips;                   // of all images
};

inline int depthwise_ceiling(int count, int each) {
    return (count + each - 1) / each;
}

// A walk over maps of `groups` groups of rows and `steps` columns, in enough strips for `threads`
// threads if there are so many.
inline depthwise_walk walk_strips(size_t images, int groups, int steps, size_t channels, int pack,
                                  size_t threads) {
    depthwise_walk walk = {};
    const int packs = (int)channels / pack;
    walk.channels = (int)channels;
    walk.channel_blocks = depthwise_ceiling(packs, DEPTHWISE_LANES);
    walk.lanes = depthwise_ceiling(packs, walk.channel_blocks);
    walk.slots = THREADS / walk.lanes;
    walk.groups = groups;
    walk.steps = steps;
    const size_t whole_rows = images * (size_t)groups * (size_t)packs;
    const size_t wanted = (threads + whole_rows - 1) / whole_rows;
    const int most = steps < DEPTHWISE_STEPS ? 1 : steps / DEPTHWISE_STEPS;
    walk.length = depthwise_ceiling(steps, wanted < (size_t)most ? (int)wanted : most);
    walk.segments = depthwise_ceiling(steps, walk.length);
    walk.strips = (int)images * groups * walk.segments;
    return walk;
}

inline unsigned strip_threads(const depthwise_walk &walk) {
    return (unsigned)(walk.lanes * walk.slots);
}

// A thread's first channel; beyond the last one it has none.
__device__ inline int channel_of_thread(const depthwise_walk &walk, int pack) {
    const int block = (int)blockIdx.x % walk.channel_blocks;
    return (block * walk.lanes + (int)threadIdx.x % walk.lanes) * pack;
}

struct depthwise_strip {
    int image, group, first, end; // columns from `first` to before `end`
};

__device__ inline depthwise_strip strip_at(const depthwise_walk &walk, int index) {
    depthwise_strip strip;
    strip.group = index % walk.groups;
    const int segment = index / walk.groups % walk.segments;
    strip.image = index / walk.groups / walk.segments;
    strip.first = segment * walk.length;
    strip.end = strip.first + walk.length < walk.steps ? strip.first + walk.length : walk.steps;
    return strip;
}

// A map as a thread sees it: its own channels, beginning with row `row` and column `column`, which
// may lie outside.
template <typename T>
struct depthwise_view {
    const T *at;
    int channels, height, width, row, column;
};

template <typename T>
__device__ inline depthwise_view<T> view_of(const T *map, int image, int height, int width,
                                            int channels, int channel, int row, int column) {
    const ptrdiff_t rows = (ptrdiff_t)image * height + row;
    return {
        map + (rows * width + column) * channels + channel, channels, height, width, row, column};
}

template <typename T>
__device__ inline void go_right(depthwise_view<T> &view, int columns) {
    view.at += (ptrdiff_t)columns * view.channels;
    view.column += columns;
}

// A pack that has been read, in registers, as words: the compiler takes halves of registers apart
// again and again.
template <typename T, int N>
struct alignas(N * sizeof(T)) depthwise_words {
    uint32_t words[N * sizeof(T) / 4];
};

template <int N>
__device__ inline void unpack(const depthwise_words<float, N> &from, float (&to)[N]) {
    memcpy(to, from.words, sizeof to);
}

template <int N>
__device__ inline void unpack(const depthwise_words<bf16, N> &from, float (&to)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) {
        const uint32_t word = from.words[i / 2];
        const uint32_t bits = i % 2 == 0 ? word << 16 : word & 0xFFFF0000U;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

// Rows x columns of the map from the view on: zeros outside, and all zeros unless `any`.
template <typename T, int N, int rows, int columns>
__device__ inline void read_view(const depthwise_view<T> &view, bool any,
                                 depthwise_words<T, N> (&to)[rows][columns]) {
    const ptrdiff_t row_size = (ptrdiff_t)view.width * view.channels;
#pragma unroll
    for (int i = 0; i < rows; i++) {
#pragma unroll
        for (int s = 0; s < columns; s++) {
            to[i][s] = {};
            if (any && (unsigned)(view.row + i) < (unsigned)view.height &&
                (unsigned)(view.column + s) < (unsigned)view.width) {
                to[i][s] = *(const depthwise_words<T, N> *)(view.at + i * row_size +
                                                            (ptrdiff_t)s * view.channels);
            }
        }
    }
}

#endif
