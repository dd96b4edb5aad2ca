// Products of small float32 matrices: one body in plain C, which the compiler keeps in registers
// because all its inner loops have constant ends, for vectors of 8 numbers and of 16.
#include "backend/cpu_f32.h"

#include <math.h>

#define PANEL CPU_F32_PANEL
#define MOST_ROWS 12 // of C in registers

#define INLINE __attribute__((always_inline)) static inline

// Sanitizers check every number of an unrolled loop on its own: a minute's work for the compiler.
#ifdef __SANITIZE_ADDRESS__
#define UNROLLED
#define FAST false
#else
#define UNROLLED _Pragma("GCC unroll 16")
#define FAST true
#endif

// `rows` rows of one panel; `fused`, with one rounding for a product and its sum, and `rows` are
// constants where this is called.
INLINE void multiply_rows(bool fused, size_t rows, size_t inner, struct cpu_f32_a a, const float *b,
                          size_t step, bool add, float *restrict c, size_t leading) {
    float sums[MOST_ROWS][PANEL];
    UNROLLED
    for (size_t row = 0; row < rows; row++) {
        UNROLLED
        for (size_t i = 0; i < PANEL; i++) {
            sums[row][i] = add ? c[row * leading + i] : 0;
        }
    }
    for (size_t k = 0; k < inner; k++) {
        UNROLLED
        for (size_t row = 0; row < rows; row++) {
            const float everywhere = a.at[row * a.row_step];
            UNROLLED
            for (size_t i = 0; i < PANEL; i++) {
                sums[row][i] =
                    fused ? fmaf(everywhere, b[i], sums[row][i]) : sums[row][i] + everywhere * b[i];
            }
        }
        a.at += a.inner_step;
        b += step;
    }
    UNROLLED
    for (size_t row = 0; row < rows; row++) {
        UNROLLED
        for (size_t i = 0; i < PANEL; i++) {
            c[row * leading + i] = sums[row][i];
        }
    }
}

// One panel; `most`, a constant where this is called, rows at a time, then fewer.
INLINE void multiply_panel(bool fused, size_t most, size_t rows, size_t inner, struct cpu_f32_a a,
                           const float *b, size_t step, bool add, float *c, size_t leading) {
    for (; rows >= most; rows -= most) {
        multiply_rows(fused, most, inner, a, b, step, add, c, leading);
        a.at += most * a.row_step;
        c += most * leading;
    }
    if (rows >= 6) {
        multiply_rows(fused, 6, inner, a, b, step, add, c, leading);
        a.at += 6 * a.row_step;
        c += 6 * leading;
        rows -= 6;
    }
    switch (rows) {
    case 5: multiply_rows(fused, 5, inner, a, b, step, add, c, leading); break;
    case 4: multiply_rows(fused, 4, inner, a, b, step, add, c, leading); break;
    case 3: multiply_rows(fused, 3, inner, a, b, step, add, c, leading); break;
    case 2: multiply_rows(fused, 2, inner, a, b, step, add, c, leading); break;
    case 1: multiply_rows(fused, 1, inner, a, b, step, add, c, leading); break;
    default: break;
    }
}

INLINE void multiply(bool fused, size_t most, size_t rows, size_t panels, size_t inner,
                     struct cpu_f32_a a, struct cpu_f32_b b, bool add, float *c, size_t leading) {
    for (size_t panel = 0; panel < panels; panel++) {
        multiply_panel(fused, most, rows, inner, a, b.at + panel * b.panel_step, b.inner_step, add,
                       c + panel * PANEL, leading);
    }
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target("arch=x86-64-v4,prefer-vector-width=512"))) static void multiply_wide(
    size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b, bool add,
    float *c, size_t leading) {
    multiply(true, 12, rows, panels, inner, a, b, add, c, leading);
}

__attribute__((target("arch=x86-64-v3"))) static void multiply_narrow(size_t rows, size_t panels,
                                                                      size_t inner,
                                                                      struct cpu_f32_a a,
                                                                      struct cpu_f32_b b, bool add,
                                                                      float *c, size_t leading) {
    multiply(true, 6, rows, panels, inner, a, b, add, c, leading);
}

bool cpu_f32_products(void) {
    return FAST && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

void cpu_f32_gemm(size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b,
                  bool add, float *c, size_t leading) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
        multiply_wide(rows, panels, inner, a, b, add, c, leading);
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        multiply_narrow(rows, panels, inner, a, b, add, c, leading);
    } else {
        multiply(false, 6, rows, panels, inner, a, b, add, c, leading);
    }
}
#else
bool cpu_f32_products(void) {
    return false;
}

void cpu_f32_gemm(size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b,
                  bool add, float *c, size_t leading) {
    multiply(false, 6, rows, panels, inner, a, b, add, c, leading);
}
#endif
