// Position attention of bf16 in tensor cores. A block takes 128 rows of one image's matrix of
// scores, a warp 16 of them, and walks over all columns in tiles that lie in shared memory, where
// the next one arrives while one is worked on. The softmax is made as the tiles come: sums and
// results are rescaled when a row's greatest score grows (Milakov and Gimelshein 2018, arXiv
// 1805.02867; Dao et al. 2022, arXiv 2205.14135). Backward, probabilities are recomputed from L.
#include "ops/position_attention/cuda_fused.h"

#include "backend/cuda/tensor_core.h"
#include "ops/position_attention/formula.h"

namespace {

#define WARP_ROWS 16
#define BLOCK_ROWS (THREADS / 32 * WARP_ROWS)
#define LOG2_E 1.4426950408889634F

// A lane's position in its warp, as backend/cuda/tensor_core.h has it.
struct lane {
    unsigned index, g, t;
    size_t row; // of the image: g's; g + 8 is eight rows on
};

__device__ inline lane lane_of_thread() {
    const unsigned index = threadIdx.x % 32;
    return {index, index / 4, index % 4,
            (size_t)blockIdx.x * BLOCK_ROWS + threadIdx.x / 32 * WARP_ROWS + index / 4};
}

// ---- tiles in shared memory: rows of WIDTH numbers, in pieces of 16 bytes, moved so that the
// eight rows of a matrix lie in different banks

template <int WIDTH>
__device__ inline unsigned offset_in_tile(unsigned row, unsigned piece) {
    constexpr unsigned pieces = WIDTH / 8;
    constexpr unsigned rows_of_line = pieces < 8 ? 8 / pieces : 1; // of 128 bytes, all banks
    const unsigned index = row * pieces + piece;
    return (index ^ (row / rows_of_line % 8)) * 8;
}

template <int WIDTH, int ROWS>
__device__ inline void copy_tile(bf16 *tile, const bf16 *from, size_t first, size_t rows) {
    constexpr unsigned pieces = WIDTH / 8;
    for (unsigned i = threadIdx.x; i < ROWS * pieces; i += THREADS) {
        const unsigned row = i / pieces;
        const bool inside = first + row < rows;
        copy_beside(tile + offset_in_tile<WIDTH>(row, i % pieces),
                    from + (inside ? first + row : 0) * WIDTH + i % pieces * 8, inside);
    }
}

// B of two products over 16 columns of `step`: rows 16 `group` on of the tile, transposed.
template <int WIDTH>
__device__ inline void read_rows(uint32_t (&b)[4], const bf16 *tile, const lane &lane,
                                 unsigned group, unsigned step) {
    const unsigned row = 16 * group + lane.index / 16 * 8 + lane.index % 8;
    read_matrices(b, tile + offset_in_tile<WIDTH>(row, 2 * step + lane.index / 8 % 2));
}

// B of two products over 16 rows of `group`: columns 16 `step` on of the tile.
template <int WIDTH>
__device__ inline void read_columns(uint32_t (&b)[4], const bf16 *tile, const lane &lane,
                                    unsigned group, unsigned step) {
    const unsigned row = 16 * group + lane.index % 16;
    read_matrices_transposed(b, tile + offset_in_tile<WIDTH>(row, 2 * step + lane.index / 16));
}

// ---- a warp's rows

// A of its 16 rows, zeros behind the last one.
template <int WIDTH>
__device__ inline void read_own_rows(uint32_t (&a)[WIDTH / 16][4], const bf16 *from,
                                     const lane &lane, size_t rows) {
    for (int step = 0; step < WIDTH / 16; step++) {
        for (int i = 0; i < 4; i++) {
            const size_t row = lane.row + i % 2 * 8;
            a[step][i] =
                row < rows
                    ? *(const uint32_t *)(from + row * WIDTH + 16 * step + i / 2 * 8 + 2 * lane.t)
                    : 0;
        }
    }
}

template <int WIDTH>
__device__ inline void write_own_rows(const float (&result)[WIDTH / 8][4], bf16 *to,
                                      const lane &lane, size_t rows, bool add) {
    for (int column = 0; column < WIDTH / 8; column++) {
        for (int half = 0; half < 2; half++) {
            if (lane.row + 8 * half < rows) {
                uint32_t *pair =
                    (uint32_t *)(to + (lane.row + 8 * half) * WIDTH + 8 * column + 2 * lane.t);
                float two[2] = {result[column][2 * half], result[column][2 * half + 1]};
                if (add) {
                    float before[2];
                    read_pack((const bf16 *)pair, before);
                    two[0] += before[0];
                    two[1] += before[1];
                }
                *pair = pair_of(two[0], two[1]);
            }
        }
    }
}

// products = A times 16 rows of a tile, transposed: 16 x 16.
template <int WIDTH>
__device__ inline void multiply_rows(float (&products)[2][4], const uint32_t (&a)[WIDTH / 16][4],
                                     const bf16 *tile, const lane &lane, unsigned group) {
    for (int i = 0; i < 4; i++) {
        products[0][i] = 0;
        products[1][i] = 0;
    }
#pragma unroll
    for (int step = 0; step < WIDTH / 16; step++) {
        uint32_t b[4];
        read_rows<WIDTH>(b, tile, lane, group, step);
        add_product(products[0], a[step], b[0], b[1]);
        add_product(products[1], a[step], b[2], b[3]);
    }
}

// sums += A (16 x 16, the numbers of two products) times 16 rows of a tile.
template <int WIDTH>
__device__ inline void add_values(float (&sums)[WIDTH / 8][4], const float (&numbers)[2][4],
                                  const bf16 *tile, const lane &lane, unsigned group) {
    const uint32_t a[4] = {
        pair_of(numbers[0][0], numbers[0][1]), pair_of(numbers[0][2], numbers[0][3]),
        pair_of(numbers[1][0], numbers[1][1]), pair_of(numbers[1][2], numbers[1][3])};
#pragma unroll
    for (int step = 0; step < WIDTH / 16; step++) {
        uint32_t b[4];
        read_columns<WIDTH>(b, tile, lane, group, step);
        add_product(sums[2 * step], a, b[0], b[1]);
        add_product(sums[2 * step + 1], a, b[2], b[3]);
    }
}

// The column of number i of product k of a group of 16.
__device__ inline unsigned column_of(size_t first, const lane &lane, unsigned group, int k, int i) {
    return (unsigned)first + 16 * group + 8 * k + 2 * lane.t + i % 2;
}

// Of columns behind the last one, whose rows in tiles are zeros, any finite number will do.
__device__ inline float of_column(const float *numbers, unsigned column, size_t pixels) {
    return numbers[column < pixels ? column : (unsigned)pixels - 1];
}

// ---- y = P v, or dv = P' dy

struct rows_softmax {
    float greatest[2], sum[2]; // of rows g and g + 8; of this lane's columns
};

__device__ inline float over_row(float own, bool greatest) {
    for (unsigned lanes = 1; lanes < 4; lanes *= 2) {
        const float other = __shfl_xor_sync(0xFFFFFFFF, own, lanes);
        own = !greatest ? own + other : other > own ? other : own;
    }
    return own;
}

// Scores become exponentials; what is there is rescaled.
template <int GROUPS, int CHANNELS>
__device__ inline void make_softmax(float (&scores)[GROUPS][2][4], rows_softmax &softmax,
                                    float (&sums)[CHANNELS / 8][4]) {
    for (int half = 0; half < 2; half++) {
        float greatest = softmax.greatest[half];
        for (int group = 0; group < GROUPS; group++) {
            for (int i = 0; i < 4; i++) {
                const float score = scores[group][i / 2][2 * half + i % 2];
                greatest = score > greatest ? score : greatest;
            }
        }
        greatest = over_row(greatest, true);
        const float less = power_of_2(LOG2_E * (softmax.greatest[half] - greatest));
        softmax.greatest[half] = greatest;
        softmax.sum[half] *= less;
        for (int column = 0; column < CHANNELS / 8; column++) {
            sums[column][2 * half] *= less;
            sums[column][2 * half + 1] *= less;
        }
        for (int group = 0; group < GROUPS; group++) {
            for (int i = 0; i < 4; i++) {
                float *score = &scores[group][i / 2][2 * half + i % 2];
                *score = power_of_2(LOG2_E * (*score - greatest));
                softmax.sum[half] += *score;
            }
        }
    }
}

// Backward: P of the transposed matrix, exp(s - L of the column).
__device__ inline void make_transposed(float (&scores)[2][4], const lane &lane, unsigned group,
                                       const float *logs, size_t first, size_t pixels) {
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 4; i++) {
            const unsigned column = column_of(first, lane, group, k, i);
            scores[k][i] = power_of_2(LOG2_E * (scores[k][i] - of_column(logs, column, pixels)));
        }
    }
}

struct values_call {
    struct position_arrays arrays;
    const bf16 *values;
    bf16 *result;
    bool add;
};

template <int KEYS, int CHANNELS, bool FORWARD>
__global__ void __launch_bounds__(THREADS, 2) position_values(const values_call call) {
    constexpr int tile_rows = 64;
    constexpr int groups = tile_rows / 16;
    __shared__ __align__(128) bf16 keys[2][tile_rows * KEYS];
    __shared__ __align__(128) bf16 values[2][tile_rows * CHANNELS];
    const size_t pixels = call.arrays.pixels;
    const size_t image = blockIdx.y * pixels;
    const bf16 *q = call.arrays.q + image * KEYS;
    const bf16 *v = call.values + image * CHANNELS;
    const lane lane = lane_of_thread();
    uint32_t own[KEYS / 16][4];
    float sums[CHANNELS / 8][4] = {};
    rows_softmax softmax = {{-INFINITY, -INFINITY}, {0, 0}};
    read_own_rows<KEYS>(own, q, lane, pixels);
    copy_tile<KEYS, tile_rows>(keys[0], q, 0, pixels);
    copy_tile<CHANNELS, tile_rows>(values[0], v, 0, pixels);
    end_copies();
    for (size_t first = 0; first < pixels; first += tile_rows) {
        const unsigned now = first / tile_rows % 2;
        if (first + tile_rows < pixels) {
            copy_tile<KEYS, tile_rows>(keys[1 - now], q, first + tile_rows, pixels);
            copy_tile<CHANNELS, tile_rows>(values[1 - now], v, first + tile_rows, pixels);
            end_copies();
            wait_for_copies<1>();
        } else {
            wait_for_copies<0>();
        }
        __syncthreads();
        if (FORWARD) {
            float scores[groups][2][4];
#pragma unroll
            for (int group = 0; group < groups; group++) {
                multiply_rows<KEYS>(scores[group], own, keys[now], lane, group);
            }
            for (int i = 0; first + tile_rows > pixels && i < groups * 8; i++) {
                if (column_of(first, lane, i / 8, i / 4 % 2, i % 4) >= pixels) {
                    scores[i / 8][i / 4 % 2][i % 4] = -INFINITY;
                }
            }
            make_softmax<groups, CHANNELS>(scores, softmax, sums);
#pragma unroll
            for (int group = 0; group < groups; group++) {
                add_values<CHANNELS>(sums, scores[group], values[now], lane, group);
            }
        } else {
#pragma unroll 1 // more at a time would need more registers than two blocks have
            for (int group = 0; group < groups; group++) {
                float scores[2][4];
                multiply_rows<KEYS>(scores, own, keys[now], lane, group);
                make_transposed(scores, lane, group, call.arrays.logs + image, first, pixels);
                add_values<CHANNELS>(sums, scores, values[now], lane, group);
            }
        }
        __syncthreads();
    }
    for (int half = 0; FORWARD && half < 2; half++) {
        const float sum = over_row(softmax.sum[half], false);
        for (int column = 0; column < CHANNELS / 8; column++) {
            sums[column][2 * half] /= sum;
            sums[column][2 * half + 1] /= sum;
        }
        if (lane.t == 0 && lane.row + 8 * half < pixels) {
            call.arrays.logs[image + lane.row + 8 * half] = softmax.greatest[half] + logf(sum);
        }
    }
    write_own_rows<CHANNELS>(sums, call.result + image * CHANNELS, lane, pixels, call.add);
}

// ---- dq: of a row, its products with all others as a query and as a key

template <int KEYS, int CHANNELS>
__global__ void __launch_bounds__(THREADS) position_keys(const position_arrays arrays) {
    constexpr int tile_rows = 32;
    __shared__ __align__(128) bf16 keys[2][tile_rows * KEYS];
    __shared__ __align__(128) bf16 values[2][tile_rows * CHANNELS];
    __shared__ __align__(128) bf16 gradients[2][tile_rows * CHANNELS];
    const size_t image = blockIdx.y * arrays.pixels;
    const bf16 *q = arrays.q + image * KEYS;
    const bf16 *v = arrays.v + image * CHANNELS;
    const bf16 *dy = arrays.dy + image * CHANNELS;
    const float *logs = arrays.logs + image;
    const float *d = arrays.d + image;
    const lane lane = lane_of_thread();
    uint32_t own_q[KEYS / 16][4];
    uint32_t own_v[CHANNELS / 16][4];
    uint32_t own_dy[CHANNELS / 16][4];
    float sums[KEYS / 8][4] = {};
    float own_log[2];
    float own_d[2];
    read_own_rows<KEYS>(own_q, q, lane, arrays.pixels);
    read_own_rows<CHANNELS>(own_v, v, lane, arrays.pixels);
    read_own_rows<CHANNELS>(own_dy, dy, lane, arrays.pixels);
    for (int half = 0; half < 2; half++) {
        const bool inside = lane.row + 8 * half < arrays.pixels;
        own_log[half] = inside ? logs[lane.row + 8 * half] : 0;
        own_d[half] = inside ? d[lane.row + 8 * half] : 0;
    }
    const auto copy = [&](unsigned to, size_t first) {
        copy_tile<KEYS, tile_rows>(keys[to], q, first, arrays.pixels);
        copy_tile<CHANNELS, tile_rows>(values[to], v, first, arrays.pixels);
        copy_tile<CHANNELS, tile_rows>(gradients[to], dy, first, arrays.pixels);
        end_copies();
    };
    copy(0, 0);
    for (size_t first = 0; first < arrays.pixels; first += tile_rows) {
        const unsigned now = first / tile_rows % 2;
        if (first + tile_rows < arrays.pixels) {
            copy(1 - now, first + tile_rows);
            wait_for_copies<1>();
        } else {
            wait_for_copies<0>();
        }
        __syncthreads();
#pragma unroll
        for (int group = 0; group < tile_rows / 16; group++) {
            float scores[2][4];
            float as_query[2][4]; // dy_i . v_j
            float as_key[2][4];   // dy_j . v_i
            multiply_rows<KEYS>(scores, own_q, keys[now], lane, group);
            multiply_rows<CHANNELS>(as_query, own_dy, values[now], lane, group);
            multiply_rows<CHANNELS>(as_key, own_v, gradients[now], lane, group);
#pragma unroll
            for (int k = 0; k < 2; k++) {
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const unsigned column = column_of(first, lane, group, k, i);
                    const float own = power_of_2(LOG2_E * (scores[k][i] - own_log[i / 2]));
                    const float other = power_of_2(
                        LOG2_E * (scores[k][i] - of_column(logs, column, arrays.pixels)));
                    scores[k][i] =
                        position_gradient(own, as_query[k][i], own_d[i / 2], other, as_key[k][i],
                                          of_column(d, column, arrays.pixels));
                }
            }
            add_values<KEYS>(sums, scores, keys[now], lane, group);
        }
        __syncthreads();
    }
    write_own_rows<KEYS>(sums, arrays.dq + image * KEYS, lane, arrays.pixels, arrays.add_dq);
}

// ---- launches

dim3 row_blocks(const struct position_arrays *arrays) {
    return dim3(blocks_for(arrays->pixels, BLOCK_ROWS), (unsigned)arrays->images);
}

template <bool FORWARD>
void multiply_values(struct backend *backend, const struct position_arrays *arrays, size_t keys) {
    const values_call call = {*arrays, FORWARD ? arrays->v : arrays->dy,
                              FORWARD ? arrays->y : arrays->dv, !FORWARD && arrays->add_dv};
    launch(backend,
           keys == 16 ? position_values<16, 32, FORWARD> : position_values<64, 128, FORWARD>,
           row_blocks(arrays), THREADS, call);
}

} // namespace

bool position_fuses(const struct backend *backend, size_t keys, size_t channels) {
    return backend->precision == PRECISION_BF16 && cuda_has_tensor_cores(backend) &&
           (keys == 16 || keys == 64) && channels == 2 * keys;
}

void position_fused_forward(struct backend *backend, const struct position_arrays *arrays,
                            size_t keys) {
    multiply_values<true>(backend, arrays, keys);
}

void position_fused_values(struct backend *backend, const struct position_arrays *arrays,
                           size_t keys) {
    multiply_values<false>(backend, arrays, keys);
}

void position_fused_keys(struct backend *backend, const struct position_arrays *arrays,
                         size_t keys) {
    launch(backend, keys == 16 ? position_keys<16, 32> : position_keys<64, 128>, row_blocks(arrays),
           THREADS, *arrays);
}
