// Vectors of 8 and of 16 channels, or of 4.
#include "ops/convolution/cpu/grouped/lanes.h"

#include "backend/cpu/level.h"

#if defined(PROCESSOR_X86_64)
#include <immintrin.h>

typedef float eight __attribute__((vector_size(32)));
typedef float eight_anywhere __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t eight_bits __attribute__((vector_size(32)));
typedef uint16_t eight_halves __attribute__((vector_size(16), aligned(2), may_alias));

#define NAME(what) eight_##what
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR eight
#define ANYWHERE eight_anywhere
#define BITS eight_bits
#define HALVES eight_halves
#define LANES 8
#define PIXELS 4
#define FUSED(a, b, c) _mm256_fmadd_ps(a, b, c)
#define SPREAD(x, from) _mm256_permutevar_ps(x, (__m256i)(from))
#include "ops/convolution/cpu/grouped/lanes_block.h"

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t sixteen_bits __attribute__((vector_size(64)));
typedef uint16_t sixteen_halves __attribute__((vector_size(32), aligned(2), may_alias));

// One shuffle in place of an extension and a shift: its lower halves are of the zeros behind.
__attribute__((target("avx512f,avx512bw"), always_inline)) static inline __m512i sixteen_widened(
    const void *halves) {
    const __m512i zeros_behind = _mm512_zextsi256_si512(_mm256_loadu_si256(halves));
    const __m512i from =
        _mm512_set_epi32(15 << 16 | 31, 14 << 16 | 31, 13 << 16 | 31, 12 << 16 | 31, 11 << 16 | 31,
                         10 << 16 | 31, 9 << 16 | 31, 8 << 16 | 31, 7 << 16 | 31, 6 << 16 | 31,
                         5 << 16 | 31, 4 << 16 | 31, 3 << 16 | 31, 2 << 16 | 31, 1 << 16 | 31, 31);
    return _mm512_permutexvar_epi16(from, zeros_behind);
}

// Its processors have this instruction from CPU_BF16 on.
__attribute__((target("avx512f"), always_inline)) static inline sixteen_halves sixteen_narrowed(
    sixteen x) {
    __m256i halves;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(x));
    return (sixteen_halves)halves;
}

__attribute__((target("avx512f"), always_inline)) static inline __m512 sixteen_joined(
    sixteen_halves lower, sixteen_halves upper) {
    return (__m512)_mm512_inserti64x4(_mm512_castsi256_si512((__m256i)lower), (__m256i)upper, 1);
}

#define NAME(what) sixteen_##what
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#define VECTOR sixteen
#define ANYWHERE sixteen_anywhere
#define BITS sixteen_bits
#define HALVES sixteen_halves
#define LANES 16
#define PIXELS 8
#define FUSED(a, b, c) _mm512_fmadd_ps(a, b, c)
#define SPREAD(x, from) _mm512_permutexvar_ps((__m512i)(from), x)
#define WIDENED(halves) sixteen_widened(halves)
#define NARROWED(x) sixteen_narrowed(x)
#define STREAM(x, line) _mm512_stream_ps((void *)(line), x)
#define JOINED(lower, upper) sixteen_joined(lower, upper)
#include "ops/convolution/cpu/grouped/lanes_block.h"

// Half of such a vector, where channels do not make whole ones.
__attribute__((target("avx512f,avx512bw,avx512vl"), always_inline)) static inline __m256i
eight_widened(const void *halves) {
    const __m256i zeros_behind = _mm256_zextsi128_si256(_mm_loadu_si128(halves));
    const __m256i from = _mm256_set_epi32(7 << 16 | 15, 6 << 16 | 15, 5 << 16 | 15, 4 << 16 | 15,
                                          3 << 16 | 15, 2 << 16 | 15, 1 << 16 | 15, 15);
    return _mm256_permutexvar_epi16(from, zeros_behind);
}

__attribute__((target("avx512f,avx512vl"), always_inline)) static inline eight_halves
eight_narrowed(eight x) {
    __m128i halves;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(x));
    return (eight_halves)halves;
}

#define NAME(what) eight_of_512_##what
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,fma")))
#define VECTOR eight
#define ANYWHERE eight_anywhere
#define BITS eight_bits
#define HALVES eight_halves
#define LANES 8
#define PIXELS 8
#define FUSED(a, b, c) _mm256_fmadd_ps(a, b, c)
#define SPREAD(x, from) _mm256_permutevar_ps(x, (__m256i)(from))
#define WIDENED(halves) eight_widened(halves)
#define NARROWED(x) eight_narrowed(x)
#include "ops/convolution/cpu/grouped/lanes_block.h"

const struct grouped_lanes *grouped_lanes_for(size_t channels) {
    return cpu_level() < CPU_AVX512 ? &eight_lanes
           : channels % 16 == 0     ? &sixteen_lanes
                                    : &eight_of_512_lanes;
}
#elif defined(PROCESSOR_ARM_64)
#include <arm_neon.h>

typedef float32x4_t four_anywhere __attribute__((aligned(4), may_alias));
typedef uint16_t four_halves __attribute__((vector_size(8), aligned(2), may_alias));

#define NAME(what) four_##what
#define TARGET
#define VECTOR float32x4_t
#define ANYWHERE four_anywhere
#define BITS uint32x4_t
#define HALVES four_halves
#define LANES 4
#define PIXELS 8
#define FUSED(a, b, c) vfmaq_f32(c, a, b)
#include "ops/convolution/cpu/grouped/lanes_block.h"

const struct grouped_lanes *grouped_lanes_for(size_t channels) {
    (void)channels;
    return &four_lanes;
}
#else
const struct grouped_lanes *grouped_lanes_for(size_t channels) { // the method accepts nothing here
    static const struct grouped_lanes none = {.lanes = 8, .pixels = 1};
    (void)channels;
    return &none;
}
#endif

bool grouped_native_bf16(const struct grouped_lanes *lanes) {
#ifdef PROCESSOR_X86_64
    return lanes != &eight_lanes && cpu_level() >= CPU_BF16;
#else
    (void)lanes;
    return false;
#endif
}

bool grouped_streams(const struct grouped_lanes *lanes, const struct grouped_layer *layer,
                     const void *output) {
#ifdef PROCESSOR_X86_64
    return lanes == &sixteen_lanes &&
           (layer->precision == PRECISION_F32 || grouped_native_bf16(lanes)) &&
           layer->tap * precision_size(layer->precision) % LINE == 0 &&
           (uintptr_t)output % LINE == 0;
#else
    (void)lanes;
    (void)layer;
    (void)output;
    return false;
#endif
}

size_t grouped_tile_floats(const struct grouped_lanes *lanes, const struct grouped_layer *layer) {
    if (!grouped_copies(layer)) {
        return 0;
    }
    const size_t rows = (GROUPED_ROWS - 1) * layer->stride + layer->window_height;
    const size_t columns = (lanes->pixels - 1) * layer->stride + layer->window_width;
    return rows * columns * (layer->width > lanes->lanes ? layer->width : lanes->lanes);
}
