// A stand-in for lib/backend/cuda/tensor_core.h, found before it: the lanes of a warp hand each
// other where their numbers lie, and each computes its own part.
#ifndef PLEURA_BACKEND_CUDA_TENSOR_CORE_H
#define PLEURA_BACKEND_CUDA_TENSOR_CORE_H

#include "backend/cuda/cuda.h"

struct fake_operands {
    const uint32_t *a;
    uint32_t b[2];
};

inline float fake_number(uint32_t pair, unsigned which) {
    return to_float(bf16{(uint16_t)(pair >> 16 * (which & 1))});
}

inline void add_product(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    const fake_operands own = {a, {b0, b1}};
    const void *const *all = fake_hand(&own);
    const unsigned g = (threadIdx.x & 31) / 4;
    const unsigned t = threadIdx.x & 3;
    float sums[4];
    for (unsigned i = 0; i < 4; i++) {
        sums[i] = c[i];
        for (unsigned k = 0; k < 16; k++) {
            const fake_operands *row = (const fake_operands *)all[4 * g + k % 8 / 2];
            const fake_operands *column =
                (const fake_operands *)all[4 * (2 * t + i % 2) + k % 8 / 2];
            sums[i] += fake_number(row->a[i / 2 + k / 8 * 2], k) * fake_number(column->b[k / 8], k);
        }
    }
    fake_handed();
    memcpy(c, sums, sizeof sums);
}

inline void fake_read_matrices(uint32_t (&to)[4], const bf16 *row, bool transposed) {
    const void *const *all = fake_hand(row);
    const unsigned g = (threadIdx.x & 31) / 4;
    const unsigned t = threadIdx.x & 3;
    for (unsigned i = 0; i < 4; i++) {
        uint16_t got[2];
        for (unsigned k = 0; k < 2; k++) {
            const unsigned from = transposed ? 2 * t + k : g;
            const unsigned column = transposed ? g : 2 * t + k;
            got[k] = ((const bf16 *)all[8 * i + from])[column].bits;
        }
        to[i] = got[0] | (uint32_t)got[1] << 16;
    }
    fake_handed();
}

inline void read_matrices(uint32_t (&to)[4], const bf16 *row) {
    fake_read_matrices(to, row, false);
}

inline void read_matrices_transposed(uint32_t (&to)[4], const bf16 *row) {
    fake_read_matrices(to, row, true);
}

inline void copy_beside(bf16 *to, const bf16 *from, bool inside) {
    if (inside) {
        memcpy(to, from, 16);
    } else {
        memset(to, 0, 16);
    }
}

inline void end_copies() {}

template <int left>
inline void wait_for_copies() {}

inline uint32_t pair_of(float first, float second) {
    bf16 result[2];
    from_float(first, &result[0]);
    from_float(second, &result[1]);
    return result[0].bits | (uint32_t)result[1].bits << 16;
}

inline float power_of_2(float x) {
    return exp2f(x);
}

#endif
