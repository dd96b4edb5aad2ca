// Products of int16: plain loops, AVX-512's code with its intrinsics emulated, and what this
// processor has make the same bytes, which are the sums.
#include "avx512_emulation.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/int16/int16.h"
#include "core/numbers/random.h"

#include <stdlib.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PANEL CPU_F32_PANEL
enum { ROWS_MOST = 13, PANELS_MOST = 6, PAIRS_MOST = 32, APART = 5 };

void plain_int16_gemm(size_t rows, size_t panels, size_t pairs, struct cpu_int16_a a,
                      struct cpu_int16_b b, bool add, struct cpu_f32_c c);
bool plain_int16_products(void);
cpu_int16_gemm_function *emulated_int16_avx512(void);

#define NATIVE
#define cpu_level() CPU_VNNI
#define cpu_int16_avx512 emulated_int16_avx512
#include "backend/cpu/products/int16/avx512.c" // NOLINT(bugprone-suspicious-include)
#undef PANEL
#undef cpu_int16_avx512
#define cpu_int16_avx512() NULL
#define cpu_int16_gemm plain_int16_gemm
#define cpu_int16_products plain_int16_products
#include "backend/cpu/products/int16/int16.c" // NOLINT(bugprone-suspicious-include)
#undef cpu_int16_gemm

struct matrices {
    int16_t a[ROWS_MOST * (2 * PAIRS_MOST + APART)], b[PANELS_MOST * PAIRS_MOST * 2 * PANEL];
    float row_scales[ROWS_MOST * APART], column_scales[PANELS_MOST * PANEL];
    float c[ROWS_MOST * PANELS_MOST * PANEL];
};

static int16_t drawn(struct random *random, int most) {
    return (int16_t)((int)(random_next(random) >> 33) % (2 * most + 1) - most);
}

// Numbers whose sums just fit, of 64.
static void draw(struct matrices *m) {
    struct random random = random_seed(11, 0, 0);
    for (size_t i = 0; i < sizeof m->a / sizeof *m->a; i++) {
        m->a[i] = drawn(&random, CPU_INT16_A);
    }
    for (size_t i = 0; i < sizeof m->b / sizeof *m->b; i++) {
        m->b[i] = drawn(&random, CPU_INT16_B / 64);
    }
    for (size_t i = 0; i < ROWS_MOST * APART; i++) {
        m->row_scales[i] = (float)drawn(&random, 1000) * 1e-3F;
    }
    for (size_t i = 0; i < PANELS_MOST * PANEL; i++) {
        m->column_scales[i] = (float)drawn(&random, 1000) * 1e-6F;
    }
    for (size_t i = 0; i < sizeof m->c / sizeof *m->c; i++) {
        m->c[i] = (float)drawn(&random, 1000);
    }
}

static void multiply(cpu_int16_gemm_function *gemm, const struct matrices *m, size_t rows,
                     size_t panels, size_t pairs, bool add, float *c) {
    memcpy(c, m->c, sizeof m->c);
    gemm(rows, panels, pairs,
         (struct cpu_int16_a){m->a, 2 * PAIRS_MOST + APART, m->row_scales, APART},
         (struct cpu_int16_b){m->b, PAIRS_MOST * 2 * PANEL, m->column_scales}, add,
         (struct cpu_f32_c){c, PANELS_MOST * PANEL, PANEL});
}

// What is behind the rows and columns that are asked for stays as it was.
static void compare_sums(const struct matrices *m, size_t rows, size_t panels, size_t pairs,
                         bool add, const float *c) {
    for (size_t i = 0; i < ROWS_MOST * PANELS_MOST * PANEL; i++) {
        const size_t row = i / (PANELS_MOST * PANEL);
        const size_t column = i % (PANELS_MOST * PANEL);
        const int16_t *b = m->b + column / PANEL * PAIRS_MOST * 2 * PANEL + column % PANEL * 2;
        int64_t sum = 0;
        if (row >= rows || column >= panels * PANEL) {
            assert_true(c[i] == m->c[i]);
            continue;
        }
        for (size_t k = 0; k < 2 * pairs; k++) {
            sum += (int64_t)m->a[row * (2 * PAIRS_MOST + APART) + k] * b[k / 2 * 2 * PANEL + k % 2];
        }
        assert_true(sum <= INT32_MAX && sum >= INT32_MIN);
        const double scaled = (double)sum * m->column_scales[column] * m->row_scales[row * APART];
        const double wanted = scaled + (add ? m->c[i] : 0);
        assert_true(fabs(c[i] - wanted) <= 1e-6 * (fabs(scaled) + fabs(wanted)));
    }
}

static void products_are_the_sums(void **state) {
    static struct matrices m;
    static float c[3][ROWS_MOST * PANELS_MOST * PANEL];
    (void)state;
    draw(&m);
    for (size_t rows = 1; rows <= ROWS_MOST; rows++) { // blocks of six and fewer
        const size_t panels = 1 + rows % PANELS_MOST;
        const size_t pairs = rows == 7 ? PAIRS_MOST : rows;
        const bool add = rows % 2 == 0;
        multiply(plain_int16_gemm, &m, rows, panels, pairs, add, c[0]);
        multiply(emulated_int16_avx512(), &m, rows, panels, pairs, add, c[1]);
        multiply(cpu_int16_gemm, &m, rows, panels, pairs, add, c[2]);
        compare_sums(&m, rows, panels, pairs, add, c[0]);
        assert_memory_equal(c[1], c[0], sizeof *c);
        assert_memory_equal(c[2], c[0], sizeof *c);
    }
}

// The largest numbers on both sides, of both signs.
static void sums_reach_the_ends_of_int32(void **state) {
    static struct matrices m;
    static float c[2][ROWS_MOST * PANELS_MOST * PANEL];
    (void)state;
    draw(&m);
    for (size_t i = 0; i < sizeof m.a / sizeof *m.a; i++) {
        m.a[i] = CPU_INT16_A;
    }
    for (size_t i = 0; i < sizeof m.b / sizeof *m.b; i++) {
        m.b[i] = (int16_t)(i % 4 < 2 ? CPU_INT16_B / 64 : -(CPU_INT16_B / 64));
    }
    multiply(plain_int16_gemm, &m, 2, 1, PAIRS_MOST, false, c[0]);
    multiply(emulated_int16_avx512(), &m, 2, 1, PAIRS_MOST, false, c[1]);
    compare_sums(&m, 2, 1, PAIRS_MOST, false, c[0]);
    assert_memory_equal(c[1], c[0], sizeof *c);
}

// A row's scale that is NaN makes its products NaN, whatever its numbers.
static void scales_carry_nan(void **state) {
    static struct matrices m;
    static float c[2][ROWS_MOST * PANELS_MOST * PANEL];
    (void)state;
    draw(&m);
    m.row_scales[APART] = NAN;
    m.a[2 * PAIRS_MOST + APART] = INT16_MIN;
    multiply(plain_int16_gemm, &m, 3, 4, 5, true, c[0]);
    multiply(emulated_int16_avx512(), &m, 3, 4, 5, true, c[1]);
    for (size_t i = 0; i < 3 * (size_t)PANELS_MOST * PANEL; i++) {
        const bool nan = i / (PANELS_MOST * PANEL) == 1 && i % (PANELS_MOST * PANEL) < 4 * PANEL;
        assert_int_equal(isnan(c[0][i]) != 0, nan);
        assert_int_equal(isnan(c[1][i]) != 0, nan);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_the_sums),
        cmocka_unit_test(sums_reach_the_ends_of_int32),
        cmocka_unit_test(scales_carry_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
