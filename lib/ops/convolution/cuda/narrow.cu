// Convolutions of 3 x 3 between few channels by tensor cores (narrow.h).
//
// A warp makes 16 pixels of a row at a time and goes down ROWS rows, with three rows of what it
// reads in registers. A product's 16 x 16 numbers are those pixels and two pieces of 8 channels, of
// one tap of the window or of two; its 16 x 8 sums are the pixels and 8 channels of the result.
// Which channel is which column is free, as long as both factors agree: so chosen that a lane's
// channels lie side by side, and it reads a pixel, and writes one, with a single instruction. Lanes
// read from the maps themselves: of what one tap needs most is in the first-level cache by another.
#include "ops/convolution/cuda/narrow.h"

#include "backend/cuda/tensor_core.h"

namespace {

#define ROWS 16 // of a warp
#define COLUMNS 16
#define WARPS 4 // of a block: registers bound how many there are of these
#define TAPS 9
#define MAX_PIECES 8 // of channels in and out, multiplied: weights in registers

struct narrow_maps {
    int images, height, width;
    int tiles, strips; // of an image: of columns, of rows
    const bf16 *from, *residual, *weights, *bias;
    int first_weight, of_from, of_tap, of_to; // how far apart weights lie
    bool relu;
    bf16 *to;
};

// Where a lane is: g and t of tensor_core.h, and the first of its two pixels, eight columns apart.
struct lane_place {
    int g, t, image, x, y;
};

__device__ inline lane_place place_of_lane(const narrow_maps &args) {
    const int lane = (int)threadIdx.x % 32;
    const int warp = (int)blockIdx.x * WARPS + (int)threadIdx.x / 32;
    const int tile = warp % args.tiles;
    const int strip = warp / args.tiles % args.strips;
    return {lane / 4, lane % 4, warp / args.tiles / args.strips, tile * COLUMNS + lane / 4,
            strip * ROWS};
}

// N registers of two numbers each that lie together.
template <int N>
struct alignas(4 * N) words {
    uint32_t values[N];
};

// The lane's 2 N channels of a pixel; zeros beyond the map.
template <int N>
__device__ inline words<N> read_pixel(const narrow_maps &args, const bf16 *map,
                                      const lane_place &place, int y, int x) {
    if (place.image >= args.images || (unsigned)y >= (unsigned)args.height ||
        (unsigned)x >= (unsigned)args.width) {
        return {};
    }
    const size_t pixel = ((size_t)place.image * args.height + y) * args.width + x;
    return *(const words<N> *)(map + pixel * 8 * N + place.t * 2 * N);
}

// What row y of the map has for the lane's pixels: by the window's columns, both pixels.
template <int C>
__device__ inline void read_row(const narrow_maps &args, const lane_place &place, int y,
                                words<C> (&row)[3][2]) {
#pragma unroll
    for (int i = 0; i < 6; i++) {
        row[i / 2][i % 2] =
            read_pixel<C>(args, args.from, place, y, place.x + i / 2 - 1 + i % 2 * 8);
    }
}

template <int C>
__device__ inline void move_row(const words<C> (&from)[3][2], words<C> (&to)[3][2]) {
#pragma unroll
    for (int i = 0; i < 6; i++) {
        to[i / 2][i % 2] = from[i / 2][i % 2];
    }
}

// Piece `tap * C + c` of the weights for N pieces of the result.
template <int C, int N>
__device__ inline void read_weights(const narrow_maps &args, const lane_place &place,
                                    uint32_t (&weights)[TAPS * C][N]) {
#pragma unroll
    for (int i = 0; i < TAPS * C * N; i++) {
        const int piece = i / N;
        const int from = place.t * 2 * C + piece % C * 2;
        const int to = place.g / 2 * 2 * N + i % N * 2 + place.g % 2;
        const bf16 *weight = args.weights + args.first_weight + from * args.of_from +
                             piece / C * args.of_tap + to * args.of_to;
        weights[piece][i % N] = weight[0].bits | (uint32_t)weight[args.of_from].bits << 16;
    }
}

template <int C, int N>
__device__ inline void multiply(const words<C> (&rows)[3][3][2],
                                const uint32_t (&weights)[TAPS * C][N], float (&sums)[N][4]) {
#pragma unroll
    for (int piece = 0; piece < TAPS * C; piece += 2) {
        const int other = piece + 1 < TAPS * C ? piece + 1 : piece;
        const bool paired = other != piece;
        const words<C>(&one)[2] = rows[piece / C / 3][piece / C % 3];
        const words<C>(&two)[2] = rows[other / C / 3][other / C % 3];
        const uint32_t pixels[4] = {one[0].values[piece % C], one[1].values[piece % C],
                                    paired ? two[0].values[other % C] : 0,
                                    paired ? two[1].values[other % C] : 0};
#pragma unroll
        for (int j = 0; j < N; j++) {
            add_product(sums[j], pixels, weights[piece][j], paired ? weights[other][j] : 0);
        }
    }
}

// Writes the lane's two pixels of row y, with what joins them.
template <int N>
__device__ inline void write_pixels(const narrow_maps &args, const lane_place &place, int y,
                                    const float (&bias)[N][2], const float (&sums)[N][4]) {
    const float minimum = args.relu ? 0 : -INFINITY; // NaN is to stay, and to be found
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int x = place.x + half * 8;
        if (place.image >= args.images || y >= args.height || x >= args.width) {
            continue;
        }
        words<N> more = {};
        if (args.residual != NULL) {
            more = read_pixel<N>(args, args.residual, place, y, x);
        }
#pragma unroll
        for (int j = 0; j < N; j++) {
            float first = to_float(bf16{(uint16_t)more.values[j]});
            float second = to_float(bf16{(uint16_t)(more.values[j] >> 16)});
            first += sums[j][2 * half] + bias[j][0];
            second += sums[j][2 * half + 1] + bias[j][1];
            more.values[j] =
                pair_of(first < minimum ? minimum : first, second < minimum ? minimum : second);
        }
        const size_t pixel = ((size_t)place.image * args.height + y) * args.width + x;
        *(words<N> *)(args.to + pixel * 8 * N + place.t * 2 * N) = more;
    }
}

// C pieces of 8 channels to N.
template <int C, int N>
__global__ void __launch_bounds__(32 * WARPS) narrow_convolution(const narrow_maps args) {
    const lane_place place = place_of_lane(args);
    uint32_t weights[TAPS * C][N];
    float bias[N][2] = {};
    words<C> rows[3][3][2];
    words<C> next[3][2];
    read_weights<C, N>(args, place, weights);
    if (args.bias != NULL) {
#pragma unroll
        for (int i = 0; i < 2 * N; i++) {
            bias[i / 2][i % 2] = to_float(args.bias[place.t * 2 * N + i]);
        }
    }
    for (int i = 0; i < 2; i++) {
        read_row<C>(args, place, place.y - 1 + i, rows[i]);
    }
    read_row<C>(args, place, place.y + 1, next);
    for (int y = place.y; y < place.y + ROWS; y++) {
        float sums[N][4] = {};
        move_row(next, rows[2]);
        read_row<C>(args, place, y + 2, next); // on its way meanwhile
        multiply<C, N>(rows, weights, sums);
        write_pixels<N>(args, place, y, bias, sums);
        move_row(rows[1], rows[0]);
        move_row(rows[2], rows[1]);
    }
}

void launch_narrow(struct backend *backend, narrow_maps &args, size_t from_channels,
                   size_t to_channels) {
    static constexpr struct {
        size_t from, to;
        void (*kernel)(const narrow_maps);
    } kernels[] = {
        {8, 8, narrow_convolution<1, 1>},   {8, 16, narrow_convolution<1, 2>},
        {16, 8, narrow_convolution<2, 1>},  {16, 16, narrow_convolution<2, 2>},
        {8, 32, narrow_convolution<1, 4>},  {32, 8, narrow_convolution<4, 1>},
        {16, 32, narrow_convolution<2, 4>}, {32, 16, narrow_convolution<4, 2>},
    };
    args.tiles = (args.width + COLUMNS - 1) / COLUMNS;
    args.strips = (args.height + ROWS - 1) / ROWS;
    for (const auto &row : kernels) {
        if (row.from == from_channels && row.to == to_channels) {
            launch(
                backend, row.kernel,
                blocks_for((size_t)args.images * (size_t)args.tiles * (size_t)args.strips, WARPS),
                32 * WARPS, args);
        }
    }
}

narrow_maps maps_of(const struct convolution_shape *shape, const void *weights) {
    narrow_maps args = {};
    args.images = (int)shape->images;
    args.height = (int)shape->height;
    args.width = (int)shape->width;
    args.weights = (const bf16 *)weights;
    return args;
}

} // namespace

bool cuda_narrow_takes(const struct backend *backend, const struct convolution_shape *shape) {
    const size_t most = INT32_MAX / 64;
    const size_t in = shape->channels;
    const size_t out = shape->out_channels;
    return backend->precision == PRECISION_BF16 && cuda_has_tensor_cores(backend) &&
           shape->window == 3 && shape->stride == 1 && shape->pad == 1 && shape->groups == 1 &&
           (in == 8 || in == 16 || in == 32) && (out == 8 || out == 16 || out == 32) &&
           in / 8 * (out / 8) <= MAX_PIECES && shape->images * shape->height < most / shape->width;
}

void cuda_narrow_forward(struct backend *backend, const struct convolution_shape *shape,
                         const void *input, const void *weights, const struct cuda_joined *joined,
                         void *output) {
    narrow_maps args = maps_of(shape, weights);
    args.from = (const bf16 *)input;
    args.residual = (const bf16 *)joined->residual;
    args.bias = (const bf16 *)joined->bias;
    args.of_from = 1;
    args.of_tap = (int)shape->channels;
    args.of_to = TAPS * (int)shape->channels;
    args.relu = joined->relu;
    args.to = (bf16 *)output;
    launch_narrow(backend, args, shape->channels, shape->out_channels);
}

void cuda_narrow_input_gradient(struct backend *backend, const struct convolution_shape *shape,
                                const void *weights, const void *output_gradient,
                                void *input_gradient, bool add) {
    narrow_maps args = maps_of(shape, weights);
    args.from = (const bf16 *)output_gradient;
    args.residual = add ? (const bf16 *)input_gradient : NULL;
    // The window is rotated by 180 degrees.
    args.first_weight = (TAPS - 1) * (int)shape->channels;
    args.of_from = TAPS * (int)shape->channels;
    args.of_tap = -(int)shape->channels;
    args.of_to = 1;
    args.to = (bf16 *)input_gradient;
    launch_narrow(backend, args, shape->out_channels, shape->channels);
}
