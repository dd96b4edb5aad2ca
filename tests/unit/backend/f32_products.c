// Products of small float32 matrices against sums in double, for all numbers of rows, both orders
// of A, and sums added to what is there; whose bytes do not depend on the other rows, and are the
// same by vectors of 16 numbers, which any processor runs here in pieces.
#include "backend/cpu/products/f32.h"
#include "core/numbers/random.h"

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

// ---- AVX-512's blocks without AVX-512

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));

// c += a b, number by number.
static void fuse(const sixteen *a, const sixteen *b, sixteen *c) {
    for (size_t i = 0; i < 16; i++) {
        (*c)[i] = fmaf((*a)[i], (*b)[i], (*c)[i]);
    }
}

#define NAME(what) emulated_##what
#define TARGET
#define VECTOR sixteen
#define ANYWHERE sixteen_anywhere
#define LANES 16
#define FUSED(a, b, c) (fuse(&(a), &(b), &(c)), (c)) // which is where the sum goes
#define SHAPES CPU_F32_SHAPES_16
#include "backend/cpu/products/f32_block.h"

// ---- one product

struct product {
    size_t rows, panels, inner;
    bool turned; // A is inner x rows, and B's panels lie side by side; else one behind the other
    bool apart;  // C's panels lie one behind the other; else side by side
    bool add;
};

struct matrices {
    float *a, *b, *c;
    struct cpu_f32_a from;
    struct cpu_f32_b with;
    struct cpu_f32_c to;
    size_t numbers; // of C's memory
};

static struct matrices draw_matrices(const struct product *product) {
    const size_t columns = product->panels * CPU_F32_PANEL;
    const size_t row_step = product->apart ? CPU_F32_PANEL : columns + 3;
    struct matrices made = {.a = drawn(product->rows * product->inner + 1, 1),
                            .b = drawn(columns * product->inner + 1, 2),
                            .numbers = product->rows * (columns + 3)};
    made.c = drawn(made.numbers, 3);
    made.from = (struct cpu_f32_a){made.a, product->turned ? 1 : product->inner,
                                   product->turned ? product->rows : 1};
    made.with =
        (struct cpu_f32_b){made.b, product->turned ? CPU_F32_PANEL : product->inner * CPU_F32_PANEL,
                           product->turned ? columns : CPU_F32_PANEL};
    made.to = (struct cpu_f32_c){made.c, row_step,
                                 product->apart ? product->rows * CPU_F32_PANEL : CPU_F32_PANEL};
    return made;
}

static void free_matrices(const struct matrices *matrices) {
    free(matrices->a);
    free(matrices->b);
    free(matrices->c);
}

static size_t place(const struct matrices *matrices, size_t row, size_t column) {
    return row * matrices->to.row_step + column / CPU_F32_PANEL * matrices->to.panel_step +
           column % CPU_F32_PANEL;
}

static void check_sums(const struct product *product, const struct matrices *made) {
    float *wanted = drawn(made->numbers, 3);
    for (size_t row = 0; row < product->rows; row++) {
        for (size_t n = 0; n < product->panels * CPU_F32_PANEL; n++) {
            const size_t at = place(made, row, n);
            double sum = product->add ? wanted[at] : 0;
            for (size_t k = 0; k < product->inner; k++) {
                sum += (double)made->a[row * made->from.row_step + k * made->from.inner_step] *
                       made->b[n / CPU_F32_PANEL * made->with.panel_step +
                               k * made->with.inner_step + n % CPU_F32_PANEL];
            }
            if (!(fabs(made->c[at] - sum) < 1e-5)) {
                fail_msg("%zu x %zu panels x %zu: %g for %g", product->rows, product->panels,
                         product->inner, made->c[at], sum);
            }
            wanted[at] = made->c[at];
        }
    }
    assert_memory_equal(wanted, made->c, made->numbers * sizeof *wanted); // and nothing beside it
    free(wanted);
}

static void check_last_row_alone(const struct product *product, const struct matrices *made) {
    const size_t last = product->rows - 1;
    float *alone = drawn(made->numbers, 3);
    cpu_f32_gemm(1, product->panels, product->inner,
                 (struct cpu_f32_a){made->a + last * made->from.row_step, made->from.row_step,
                                    made->from.inner_step},
                 made->with, product->add,
                 (struct cpu_f32_c){alone + last * made->to.row_step, made->to.row_step,
                                    made->to.panel_step});
    for (size_t n = 0; n < product->panels * CPU_F32_PANEL; n += CPU_F32_PANEL) {
        assert_memory_equal(alone + place(made, last, n), made->c + place(made, last, n),
                            CPU_F32_PANEL * sizeof *alone);
    }
    free(alone);
}

static void check(const struct product *product) {
    const struct matrices made = draw_matrices(product);
    const struct matrices emulated = draw_matrices(product);
    cpu_f32_gemm(product->rows, product->panels, product->inner, made.from, made.with, product->add,
                 made.to);
    emulated_gemm(product->rows, product->panels, product->inner, emulated.from, emulated.with,
                  product->add, emulated.to);
    check_sums(product, &made);
    check_sums(product, &emulated);
    if (cpu_f32_products()) { // else numbers are rounded between multiplication and addition
        assert_memory_equal(made.c, emulated.c, made.numbers * sizeof *made.c);
    }
    check_last_row_alone(product, &made);
    free_matrices(&made);
    free_matrices(&emulated);
}

static void products_are_the_sums(void **state) {
    static const size_t inners[] = {0, 1, 7, 64, 130};
    (void)state;
    for (size_t rows = 1; rows <= 31; rows++) {
        for (size_t i = 0; i < 8 * sizeof inners / sizeof *inners; i++) {
            check(&(struct product){.rows = rows,
                                    .panels = 1 + (rows + i) % 7,
                                    .inner = inners[i / 8],
                                    .turned = i % 2 != 0,
                                    .apart = i / 2 % 2 != 0,
                                    .add = i / 4 % 2 != 0});
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_are_the_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
