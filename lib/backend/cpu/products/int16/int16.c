// Products of int16: plain loops, and whether this processor has better.
#include "backend/cpu/products/int16/int16.h"

#include <math.h>

#define PANEL CPU_F32_PANEL

// Unsigned: numbers that are not finite may be anything, and sums wrap.
static int32_t product(size_t pairs, const int16_t *a, const int16_t *b) {
    uint32_t sum = 0;
    for (size_t k = 0; k < 2 * pairs; k++) {
        sum += (uint32_t)(a[k] * b[k / 2 * 2 * PANEL + k % 2]);
    }
    return (int32_t)sum;
}

static void gemm_plain(size_t rows, size_t panels, size_t pairs, struct cpu_int16_a a,
                       struct cpu_int16_b b, bool add, struct cpu_f32_c c) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < panels * PANEL; i++) {
            const int16_t *column = b.data + i / PANEL * b.panel_step + i % PANEL * 2;
            const float sum = (float)product(pairs, a.data + row * a.row_step, column);
            float *to = c.data + row * c.row_step + i / PANEL * c.panel_step + i % PANEL;
            *to = fmaf(sum * b.scales[i], a.scales[row * a.scale_step], add ? *to : 0);
        }
    }
}

bool cpu_int16_products(void) {
    return cpu_int16_avx512() != NULL;
}

void cpu_int16_gemm(size_t rows, size_t panels, size_t pairs, struct cpu_int16_a a,
                    struct cpu_int16_b b, bool add, struct cpu_f32_c c) {
    cpu_int16_gemm_function *gemm = cpu_int16_avx512();
    (gemm != NULL ? gemm : gemm_plain)(rows, panels, pairs, a, b, add, c);
}
