// Tensor cores and what feeds them, by PTX: products of bf16 with sums in float32, matrices of 8 x
// 8 read from shared memory, and copies from the device's memory that run beside the work. Needs
// compute capability 8.0 (cuda_has_tensor_cores). All 32 lanes of a warp must call the first three.
//
// A lane's numbers of a matrix, with g = lane / 4 and t = lane % 4, two bf16 a register, the lower
// one first (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
//   A, 16 x 16: {g; 2t, 2t + 1}, {g + 8; ...}, {g; 2t + 8, 2t + 9}, {g + 8; ...}   (row; columns)
//   B, 16 x 8:  {2t, 2t + 1; g}, {2t + 8, 2t + 9; g}                               (rows; column)
//   C, 16 x 8:  floats {g; 2t}, {g; 2t + 1}, {g + 8; 2t}, {g + 8; 2t + 1}
#ifndef PLEURA_BACKEND_CUDA_TENSOR_CORE_H
#define PLEURA_BACKEND_CUDA_TENSOR_CORE_H

#include "backend/cuda/cuda.h"

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define TENSOR_CORE_ASM(...) __trap() // never launched: the host asks the device's capability first
#else
#define TENSOR_CORE_ASM(...) asm volatile(__VA_ARGS__)
#endif

// C += A B.
__device__ inline void add_product(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                   uint32_t b1) {
    TENSOR_CORE_ASM("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                    "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four matrices of 8 x 8 from shared memory: lane 8 i + r gives the address of row r of matrix i,
// and gets {g; 2t, 2t + 1} of each.
__device__ inline void read_matrices(uint32_t (&to)[4], const bf16 *row) {
    TENSOR_CORE_ASM("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                    : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                    : "r"((uint32_t)__cvta_generic_to_shared(row))
                    : "memory");
}

// The same transposed: a lane gets {2t, 2t + 1; g}.
__device__ inline void read_matrices_transposed(uint32_t (&to)[4], const bf16 *row) {
    TENSOR_CORE_ASM("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                    : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                    : "r"((uint32_t)__cvta_generic_to_shared(row))
                    : "memory");
}

// 16 bytes into shared memory, beside what follows; zeros where not `inside`.
__device__ inline void copy_beside(bf16 *to, const bf16 *from, bool inside) {
    TENSOR_CORE_ASM("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                        (uint32_t)__cvta_generic_to_shared(to)),
                    "l"(from), "r"(inside ? 16 : 0)
                    : "memory");
}

// Closes a group of copies.
__device__ inline void end_copies() {
    TENSOR_CORE_ASM("cp.async.commit_group;" ::: "memory");
}

// Waits until at most `left` groups of this thread are on their way.
template <int left>
__device__ inline void wait_for_copies() {
    TENSOR_CORE_ASM("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

// Two floats as bf16, to nearest, the first in the lower half.
__device__ inline uint32_t pair_of(float first, float second) {
    uint32_t result = 0;
    TENSOR_CORE_ASM("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(second), "f"(first));
    return result;
}

// 2^x within 2 units in the last place; denormal results are 0.
__device__ inline float power_of_2(float x) {
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

#endif
