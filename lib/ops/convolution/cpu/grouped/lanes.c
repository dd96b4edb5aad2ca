// Vectors of 8 and of 16 channels.
#include "ops/convolution/cpu/grouped/lanes.h"

#if defined(__x86_64__) && defined(__GNUC__)
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
#else

void grouped_convolve_lanes(size_t lanes, const struct grouped_lanes *job) { // never called: suits
    (void)lanes;
    (void)job;
}

void grouped_sum_lanes(size_t lanes, const struct grouped_lanes_gradient *job) {
    (void)lanes;
    (void)job;
}
#endif
