// Vectors of 8 and of 16 channels, or of 4.
#include "ops/convolution/cpu/grouped/lanes.h"

#include "backend/cpu/level.h"

#if defined(PROCESSOR_X86_64)
#include <immintrin.h>

typedef float eight __attribute__((vector_size(32)));
typedef float eight_anywhere __attribute__((vector_size(32), aligned(4), may_alias));
typedef int eight_bits __attribute__((vector_size(32)));

#define NAME(what) eight_##what
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR eight
#define ANYWHERE eight_anywhere
#define BITS eight_bits
#define LANES 8
#define FUSED(a, b, c) _mm256_fmadd_ps(a, b, c)
#define OF_FOUR(x, i)                                                                              \
    __builtin_shufflevector(x, x, (i), (i), (i), (i), 4 + (i), 4 + (i), 4 + (i), 4 + (i))
#include "ops/convolution/cpu/grouped/lanes_block.h"

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));
typedef int sixteen_bits __attribute__((vector_size(64)));

#define NAME(what) sixteen_##what
#define TARGET __attribute__((target("avx512f")))
#define VECTOR sixteen
#define ANYWHERE sixteen_anywhere
#define BITS sixteen_bits
#define LANES 16
#define FUSED(a, b, c) _mm512_fmadd_ps(a, b, c)
#define OF_FOUR(x, i)                                                                              \
    __builtin_shufflevector(x, x, (i), (i), (i), (i), 4 + (i), 4 + (i), 4 + (i), 4 + (i), 8 + (i), \
                            8 + (i), 8 + (i), 8 + (i), 12 + (i), 12 + (i), 12 + (i), 12 + (i))
#define OF_EIGHT(x, i)                                                                             \
    __builtin_shufflevector(x, x, (i), (i), (i), (i), (i), (i), (i), (i), 8 + (i), 8 + (i),        \
                            8 + (i), 8 + (i), 8 + (i), 8 + (i), 8 + (i), 8 + (i))
#include "ops/convolution/cpu/grouped/lanes_block.h"

size_t grouped_lanes_for(size_t channels) {
    return cpu_level() >= CPU_AVX512 && channels % 16 == 0 ? 16 : 8;
}

void grouped_convolve_lanes(size_t lanes, const struct grouped_lanes *job) {
    if (lanes == 16) {
        sixteen_convolve(job);
    } else {
        eight_convolve(job);
    }
}

void grouped_sum_lanes(size_t lanes, const struct grouped_lanes_gradient *job) {
    if (lanes == 16) {
        sixteen_sum(job);
    } else {
        eight_sum(job);
    }
}
#elif defined(PROCESSOR_ARM_64)
#include <arm_neon.h>

typedef float32x4_t four_anywhere __attribute__((aligned(4), may_alias));

#define NAME(what) four_##what
#define TARGET
#define VECTOR float32x4_t
#define ANYWHERE four_anywhere
#define BITS int32x4_t
#define LANES 4
#define FUSED(a, b, c) vfmaq_f32(c, a, b)
#define OF_FOUR(x, i) vdupq_laneq_f32(x, i)
#include "ops/convolution/cpu/grouped/lanes_block.h"

size_t grouped_lanes_for(size_t channels) {
    (void)channels;
    return 4;
}

void grouped_convolve_lanes(size_t lanes, const struct grouped_lanes *job) {
    (void)lanes;
    four_convolve(job);
}

void grouped_sum_lanes(size_t lanes, const struct grouped_lanes_gradient *job) {
    (void)lanes;
    four_sum(job);
}
#else

size_t grouped_lanes_for(size_t channels) {
    (void)channels;
    return 8;
}

void grouped_convolve_lanes(size_t lanes, const struct grouped_lanes *job) { // never called: suits
    (void)lanes;
    (void)job;
}

void grouped_sum_lanes(size_t lanes, const struct grouped_lanes_gradient *job) {
    (void)lanes;
    (void)job;
}
#endif
