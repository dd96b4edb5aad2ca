// The CUDA backend's engine, for the CUDA sides of operations and losses (.cu files: C++ for the
// compiler's sake only). Activations lie as images x height x width x channels, float32 or bf16.
// All work goes to one stream; what fails is noted with the layer's name, and told by wait.
#ifndef PLEURA_BACKEND_CUDA_CUDA_H
#define PLEURA_BACKEND_CUDA_CUDA_H

#include <cuda_runtime.h>

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "backend/backend.h"
#include "backend/bf16.h"
}

// Opens device number `device`. `kernels` and `training` are what the layers above have for it.
CHECKED struct backend *cuda_open(int device, enum precision precision,
                                  const struct kernel *const *kernels,
                                  const struct training_calls *training, struct error *error);

cudaStream_t cuda_stream(struct backend *backend);

// Whether the device multiplies bf16 in tensor cores as tensor_core.h does.
bool cuda_has_tensor_cores(const struct backend *backend);

// Notes a call's failure; the first one is told.
void cuda_note(struct backend *backend, cudaError_t status);

// ---- activations as floats

struct bf16 {
    uint16_t bits;
};

__host__ __device__ inline float to_float(float number) {
    return number;
}

__host__ __device__ inline float to_float(bf16 number) {
    return bf16_to(number.bits);
}

__host__ __device__ inline void from_float(float number, float *to) {
    *to = number;
}

__host__ __device__ inline void from_float(float number, bf16 *to) {
    to->bits = bf16_from(number);
}

// N numbers that lie together, moved by one instruction (N * sizeof(T) is at most 16 bytes).
template <typename T, int N>
struct alignas(N * sizeof(T)) pack {
    T values[N];
};

// How many numbers a pack of 16 bytes holds.
template <typename T>
constexpr int pack_size = 16 / (int)sizeof(T);

template <typename T, int N>
__host__ __device__ inline void read_pack(const T *from, float (&to)[N]) {
    const pack<T, N> got = *(const pack<T, N> *)from;
    for (int i = 0; i < N; i++) {
        to[i] = to_float(got.values[i]);
    }
}

// Two numbers as bf16, to nearest, the first in the lower half.
__host__ __device__ inline uint32_t bf16_pair(float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
    return pair;
#else
    return bf16_from(first) | (uint32_t)bf16_from(second) << 16;
#endif
}

__device__ inline uint32_t word_of(float number) {
    uint32_t word;
    memcpy(&word, &number, sizeof word);
    return word;
}

// One, two or four words stored by one instruction, in the device's memory: the compiler takes some
// stores of structures apart.
template <int N>
__device__ inline void store_words(const uint32_t (&words)[N], void *to) {
#ifdef __CUDA_ARCH__
    static_assert(N == 1 || N == 2 || N == 4);
    if constexpr (N == 4) {
        asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)),
                     "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3])
                     : "memory");
    } else if constexpr (N == 2) {
        asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(to)),
                     "r"(words[0]), "r"(words[1])
                     : "memory");
    } else {
        *(uint32_t *)to = words[0];
    }
#else
    memcpy(to, words, sizeof words);
#endif
}

template <int N>
__device__ inline void write_pack(const float (&from)[N], float *to) {
    constexpr int M = N < 4 ? N : 4;
#pragma unroll
    for (int i = 0; i < N; i += M) {
        uint32_t words[M];
        for (int k = 0; k < M; k++) {
            words[k] = word_of(from[i + k]);
        }
        store_words(words, to + i);
    }
}

template <int N>
__device__ inline void write_pack(const float (&from)[N], bf16 *to) {
    if constexpr (N == 1) {
        from_float(from[0], to);
    } else {
        uint32_t words[N / 2];
        for (int i = 0; i < N / 2; i++) {
            words[i] = bf16_pair(from[2 * i], from[2 * i + 1]);
        }
        store_words(words, to);
    }
}

// ---- kernels. Each takes one struct of arguments by value; a block's threads lie along x.

#define THREADS 256 // of most blocks

// Blocks that cover `count` pieces of work with `each` of them a block.
inline unsigned blocks_for(size_t count, size_t each = THREADS) {
    return (unsigned)((count + each - 1) / each);
}

// The number of this thread among all of a launch along x.
__device__ inline size_t thread_number() {
    return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

// `bytes` up to where any array may begin.
inline size_t rounded(size_t bytes) {
    return (bytes + 255) / 256 * 256;
}

// Calls FUNCTION<T>(ARGUMENTS): T the type of `precision`.
#define BY_PRECISION(precision, function, ...)                                                     \
    ((precision) == PRECISION_F32 ? function<float>(__VA_ARGS__) : function<bf16>(__VA_ARGS__))

// Calls FUNCTION<T, N>(ARGUMENTS): T the type of `precision`, N the numbers of a pack if channels
// fill packs, else 1.
#define BY_PACK(precision, channels, function, ...)                                                \
    do {                                                                                           \
        if ((precision) == PRECISION_F32) {                                                        \
            (channels) % pack_size<float> == 0 ? function<float, pack_size<float>>(__VA_ARGS__)    \
                                               : function<float, 1>(__VA_ARGS__);                  \
        } else {                                                                                   \
            (channels) % pack_size<bf16> == 0 ? function<bf16, pack_size<bf16>>(__VA_ARGS__)       \
                                              : function<bf16, 1>(__VA_ARGS__);                    \
        }                                                                                          \
    } while (0)

template <typename A>
void launch(struct backend *backend, void (*kernel)(const A), dim3 blocks, unsigned threads,
            const A &arguments) {
    A copy = arguments;
    void *pointers[] = {&copy};
    cuda_note(backend,
              cudaLaunchKernel(kernel, blocks, dim3(threads), pointers, 0, cuda_stream(backend)));
}

// ---- matrix products by cuBLAS, `batch` of them: C (rows x columns) = alpha A B + beta C,
// row-major, A or B transposed if asked; leading dimensions and steps from one product to the next
// in numbers. A and B are of `precision`, C too unless `float_result`. Sums are float32.

struct cuda_matrix {
    const void *numbers;
    size_t leading, step;
    bool transposed;
};

struct cuda_product {
    size_t rows, columns, inner, batch;
    float alpha, beta;
    struct cuda_matrix a, b, c; // c is written
    enum precision precision;
    bool float_result;
};

// Queues the products.
void cuda_gemm(struct backend *backend, const struct cuda_product *product);

// ---- convolutions by cuDNN

struct cuda_convolution;

// Chooses cuDNN's algorithms for a layer's passes. NULL with *error where it has none.
CHECKED struct cuda_convolution *cuda_convolution_plan(struct backend *backend,
                                                       const struct convolution_shape *shape,
                                                       struct error *error);
void cuda_convolution_release(struct cuda_convolution *convolution);

// Scratch memory that a pass needs, in bytes.
size_t cuda_convolution_scratch(const struct cuda_convolution *convolution);

// What joins the convolution in one pass: + bias + residual, then ReLU.
struct cuda_joined {
    const void *bias;     // out_channels numbers of the backend's precision; NULL: nothing joins
    const void *residual; // or NULL
    bool relu;
};

// Whether something does in a layer of this shape.
inline bool cuda_convolution_joins(const struct convolution_shape *shape) {
    return shape->bias || shape->sum || shape->relu;
}

// Weights, and their gradient, lie as out_channels x window x window x channels, in the backend's
// precision.
void cuda_convolution_forward(struct cuda_convolution *convolution, const void *input,
                              const void *weights, const struct cuda_joined *joined, void *output,
                              void *scratch);
void cuda_convolution_input_gradient(struct cuda_convolution *convolution, const void *weights,
                                     const void *output_gradient, void *input_gradient, bool add,
                                     void *scratch);
void cuda_convolution_weight_gradient(struct cuda_convolution *convolution, const void *input,
                                      const void *output_gradient, void *weight_gradient,
                                      void *scratch);

// ---- sorting by CUB

// Bytes of scratch memory for sorting `count` numbers.
size_t cuda_sort_scratch(struct backend *backend, size_t count);

// Sorts `count` numbers by their bits from `first_bit` to before `end_bit`, ascending, those that
// are equal there in their order. They come out in the array that is returned: one of the two, the
// same one every time.
uint64_t *cuda_sort(struct backend *backend, uint64_t *numbers, uint64_t *other, size_t count,
                    int first_bit, int end_bit, void *scratch, size_t scratch_bytes);

#endif
