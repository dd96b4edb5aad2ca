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

static float *drawn(size_t count, uint64_t seed) {
    struct random random = random_seed(11, seed, 0);
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(random_uniform(&random) * 2 - 1);
    }
    return values;
}

// ---- AVX-512's blocks without AVX-512

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));

// c += a b, number by number. The blocks that call it are long: inlined, they take the compiler
// half a minute.
__attribute__((noinline)) static void fuse(const sixteen *a, const sixteen *b, sixteen *c) {
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
    bool
        transposed; // A is inner x rows, and B's panels lie side by side; else one behind the other
    bool apart;     // C's panels lie one behind the other; else side by side
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
    struct matrices matrices = {.a = drawn(product->rows * product->inner + 1, 1),
                                .b = drawn(columns * product->inner + 1, 2),
                                .numbers = product->rows * (columns + 3)};
    matrices.c = drawn(matrices.numbers, 3);
    matrices.from = (struct cpu_f32_a){matrices.a, product->transposed ? 1 : product->inner,
                                       product->transposed ? product->rows : 1};
    matrices.with = (struct cpu_f32_b){
        matrices.b, product->transposed ? CPU_F32_PANEL : product->inner * CPU_F32_PANEL,
        product->transposed ? columns : CPU_F32_PANEL};
    matrices.to = (struct cpu_f32_c){
        matrices.c, row_step, product->apart ? product->rows * CPU_F32_PANEL : CPU_F32_PANEL};
    return matrices;
}

static void free_matrices(const struct matrices *matrices) {
    free(matrices->a);
    free(matrices->b);
    free(matrices->c);
}

static size_t index_of(const struct matrices *matrices, size_t row, size_t column) {
    return row * matrices->to.row_step + column / CPU_F32_PANEL * matrices->to.panel_step +
           column % CPU_F32_PANEL;
}

static void check_sums(const struct product *product, const struct matrices *matrices) {
    float *wanted = drawn(matrices->numbers, 3);
    for (size_t row = 0; row < product->rows; row++) {
        for (size_t n = 0; n < product->panels * CPU_F32_PANEL; n++) {
            const size_t index = index_of(matrices, row, n);
            double sum = product->add ? wanted[index] : 0;
            for (size_t k = 0; k < product->inner; k++) {
                sum +=
                    (double)
                        matrices->a[row * matrices->from.row_step + k * matrices->from.inner_step] *
                    matrices->b[n / CPU_F32_PANEL * matrices->with.panel_step +
                                k * matrices->with.inner_step + n % CPU_F32_PANEL];
            }
            if (!(fabs(matrices->c[index] - sum) < 1e-5)) {
                fail_msg("%zu x %zu panels x %zu: %g for %g", product->rows, product->panels,
                         product->inner, matrices->c[index], sum);
            }
            wanted[index] = matrices->c[index];
        }
    }
    assert_memory_equal(wanted, matrices->c,
                        matrices->numbers * sizeof *wanted); // and nothing beside it
    free(wanted);
}

static void check_last_row_alone(const struct product *product, const struct matrices *matrices) {
    const size_t last = product->rows - 1;
    float *alone = drawn(matrices->numbers, 3);
    cpu_f32_gemm(1, product->panels, product->inner,
                 (struct cpu_f32_a){matrices->a + last * matrices->from.row_step,
                                    matrices->from.row_step, matrices->from.inner_step},
                 matrices->with, product->add,
                 (struct cpu_f32_c){alone + last * matrices->to.row_step, matrices->to.row_step,
                                    matrices->to.panel_step});
    for (size_t n = 0; n < product->panels * CPU_F32_PANEL; n += CPU_F32_PANEL) {
        assert_memory_equal(alone + index_of(matrices, last, n),
                            matrices->c + index_of(matrices, last, n),
                            CPU_F32_PANEL * sizeof *alone);
    }
    free(alone);
}

static void check(const struct product *product) {
    const struct matrices matrices = draw_matrices(product);
    const struct matrices emulated = draw_matrices(product);
    cpu_f32_gemm(product->rows, product->panels, product->inner, matrices.from, matrices.with,
                 product->add, matrices.to);
    emulated_gemm(product->rows, product->panels, product->inner, emulated.from, emulated.with,
                  product->add, emulated.to);
    check_sums(product, &matrices);
    check_sums(product, &emulated);
    if (cpu_f32_products()) { // else numbers are rounded between multiplication and addition
        assert_memory_equal(matrices.c, emulated.c, matrices.numbers * sizeof *matrices.c);
    }
    check_last_row_alone(product, &matrices);
    free_matrices(&matrices);
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
                                    .transposed = i % 2 != 0,
                                    .apart = i / 2 % 2 != 0,
                                    .add = i / 4 % 2 != 0});
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_are_the_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
