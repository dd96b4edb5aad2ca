// Products of small float32 matrices against sums in double, for all numbers of rows, both orders
// of A, and sums added to what is there; and whose bytes do not depend on the other rows.
#include "backend/cpu_f32.h"
#include "core/random.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static float *drawn(size_t count, uint64_t number) {
    struct random random = random_seed(11, number, 0);
    float *made = calloc(count, sizeof *made);
    assert_non_null(made);
    for (size_t i = 0; i < count; i++) {
        made[i] = (float)(random_uniform(&random) * 2 - 1);
    }
    return made;
}

// A as rows x inner, or inner x rows; B as panels one behind the other, or side by side.
static void check(size_t rows, size_t panels, size_t inner, bool turned, bool add) {
    const size_t columns = panels * CPU_F32_PANEL;
    const size_t leading = columns + 3;
    float *a = drawn(rows * inner + 1, 1);
    float *b = drawn(columns * inner + 1, 2);
    float *c = drawn(rows * leading, 3);
    float *before = drawn(rows * leading, 3);
    const struct cpu_f32_a from = {a, turned ? 1 : inner, turned ? rows : 1};
    const struct cpu_f32_b with = {b, turned ? CPU_F32_PANEL : inner * CPU_F32_PANEL,
                                   turned ? columns : CPU_F32_PANEL};
    cpu_f32_gemm(rows, panels, inner, from, with, add, c, leading);
    for (size_t i = 0; i < rows * leading; i++) {
        const size_t row = i / leading;
        const size_t n = i % leading;
        double sum = add || n >= columns ? before[i] : 0;
        for (size_t k = 0; n < columns && k < inner; k++) {
            sum += (double)a[row * from.row_step + k * from.inner_step] *
                   b[n / CPU_F32_PANEL * with.panel_step + k * with.inner_step + n % CPU_F32_PANEL];
        }
        if (!(fabs(c[i] - sum) < 1e-5)) {
            fail_msg("%zu x %zu x %zu: %g for %g", rows, columns, inner, c[i], sum);
        }
    }
    if (rows > 1) { // the last row alone
        memcpy(before + (rows - 1) * leading, c + (rows - 1) * leading, columns * sizeof *c);
        float *alone = drawn(rows * leading, 3) + (rows - 1) * leading;
        cpu_f32_gemm(
            1, panels, inner,
            (struct cpu_f32_a){a + (rows - 1) * from.row_step, from.row_step, from.inner_step},
            with, add, alone, leading);
        assert_memory_equal(alone, before + (rows - 1) * leading, columns * sizeof *c);
        free(alone - (rows - 1) * leading);
    }
    free(a);
    free(b);
    free(c);
    free(before);
}

static void products_are_the_sums(void **state) {
    static const size_t inners[] = {0, 1, 7, 64};
    (void)state;
    for (size_t rows = 1; rows <= 31; rows++) {
        for (size_t i = 0; i < 4 * sizeof inners / sizeof *inners; i++) {
            check(rows, 1 + rows % 3, inners[i / 4], i % 2 != 0, i / 2 % 2 != 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_are_the_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
