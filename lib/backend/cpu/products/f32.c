// Products of small float32 matrices, for vectors of 4, 8 and 16 numbers.
#include "backend/cpu/products/f32.h"

#include "backend/cpu/level.h"

typedef float four __attribute__((vector_size(16)));
typedef float four_anywhere __attribute__((vector_size(16), aligned(4), may_alias));

#define NAME(what) four_##what
#define TARGET
#define VECTOR four
#define ANYWHERE four_anywhere
#define LANES 4
#define FUSED(a, b, c) ((a) * (b) + (c))
#define SHAPES SHAPE(1, 3)
#include "backend/cpu/products/f32_block.h"

// Of the three matrices the sanitizers check the corners, before the products are made.
#ifdef __SANITIZE_ADDRESS__
static void read_number(const float *address) {
    (void)*(const volatile float *)address;
}

static void check_corners(size_t rows, size_t panels, size_t inner, struct cpu_f32_a a,
                          struct cpu_f32_b b, struct cpu_f32_c c) {
    if (rows > 0 && panels > 0 && inner > 0) {
        read_number(a.data);
        read_number(a.data + (rows - 1) * a.row_step + (inner - 1) * a.inner_step);
        read_number(b.data);
        read_number(b.data + (panels - 1) * b.panel_step + (inner - 1) * b.inner_step +
                    CPU_F32_PANEL - 1);
    }
    if (rows > 0 && panels > 0) {
        read_number(c.data);
        read_number(c.data + (rows - 1) * c.row_step + (panels - 1) * c.panel_step + CPU_F32_PANEL -
                    1);
    }
}
#else
static void check_corners(size_t rows, size_t panels, size_t inner, struct cpu_f32_a a,
                          struct cpu_f32_b b, struct cpu_f32_c c) {
    (void)rows;
    (void)panels;
    (void)inner;
    (void)a;
    (void)b;
    (void)c;
}
#endif

#if defined(PROCESSOR_X86_64)
#include <immintrin.h>

typedef float eight __attribute__((vector_size(32)));
typedef float eight_anywhere __attribute__((vector_size(32), aligned(4), may_alias));

#define NAME(what) eight_##what
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR eight
#define ANYWHERE eight_anywhere
#define LANES 8
#define FUSED(a, b, c) _mm256_fmadd_ps(a, b, c)
#define TWICE
#define SHAPES SHAPE(1, 6)
#include "backend/cpu/products/f32_block.h"

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));

#define NAME(what) sixteen_##what
#define TARGET __attribute__((target("avx512f")))
#define VECTOR sixteen
#define ANYWHERE sixteen_anywhere
#define LANES 16
#define FUSED(a, b, c) _mm512_fmadd_ps(a, b, c)
#define SHAPES CPU_F32_SHAPES_16
#include "backend/cpu/products/f32_block.h"

bool cpu_f32_products(void) {
    return cpu_level() >= CPU_AVX2;
}

size_t cpu_f32_together(void) {
    return cpu_level() >= CPU_AVX512 ? MAX_PANELS : 1;
}

void cpu_f32_gemm(size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b,
                  bool add, struct cpu_f32_c c) {
    check_corners(rows, panels, inner, a, b, c);
    if (cpu_level() >= CPU_AVX512) {
        sixteen_gemm(rows, panels, inner, a, b, add, c);
    } else if (cpu_f32_products()) {
        eight_gemm(rows, panels, inner, a, b, add, c);
    } else {
        four_gemm(rows, panels, inner, a, b, add, c);
    }
}
#elif defined(PROCESSOR_ARM_64)
#include <arm_neon.h>

// A number of A stays alone in its register: products take it from there for each lane. To spread
// it out would take as long as a product, and to clear the other lanes, too.
#define SPREAD(address) number_at(address)
static inline float32x4_t number_at(const float *address) {
    float32x4_t number;
    __asm__("ldr %s0, %1" : "=w"(number) : "m"(*address));
    return number;
}

typedef float32x4_t neon_anywhere __attribute__((aligned(4), may_alias));

#define NAME(what) neon_##what
#define TARGET
#define VECTOR float32x4_t
#define ANYWHERE neon_anywhere
#define LANES 4
#define FUSED(a, b, c) vfmaq_laneq_f32(c, b, a, 0)
#define SHAPES SHAPE(1, 6)
#include "backend/cpu/products/f32_block.h"

bool cpu_f32_products(void) {
    return cpu_level() >= CPU_NEON;
}

size_t cpu_f32_together(void) {
    return 1;
}

void cpu_f32_gemm(size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b,
                  bool add, struct cpu_f32_c c) {
    check_corners(rows, panels, inner, a, b, c);
    if (cpu_f32_products()) {
        neon_gemm(rows, panels, inner, a, b, add, c);
    } else {
        four_gemm(rows, panels, inner, a, b, add, c);
    }
}
#else

bool cpu_f32_products(void) {
    return false;
}

size_t cpu_f32_together(void) {
    return 1;
}

void cpu_f32_gemm(size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b,
                  bool add, struct cpu_f32_c c) {
    check_corners(rows, panels, inner, a, b, c);
    four_gemm(rows, panels, inner, a, b, add, c);
}
#endif
