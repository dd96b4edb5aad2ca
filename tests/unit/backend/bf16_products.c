// Products of bf16 against sums in double, for odd sizes, all orders of A, and sums added to what
// is there, by what this processor has; those of whole tiles go by matrix units where there are
// some, and by the same code on emulated ones everywhere.
#include "amx_emulation.h"
#include "backend/bf16.h"
#include "backend/cpu/products/amx.h"
#include "core/numbers/random.h"
#include "core/simd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void *need(size_t count, size_t size) {
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

static float *drawn(size_t count, uint64_t seed) {
    struct random random = random_seed(5, seed, 0);
    float *numbers = need(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float)(random_uniform(&random) * 4 - 2);
    }
    return numbers;
}

static float rounded(float number) {
    uint16_t number_bf16[2];
    cpu_bf16_rows(&number, 1, 1, 1, number_bf16);
    return bf16_to(number_bf16[0]);
}

static void round_all(float *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = rounded(numbers[i]);
    }
}

// How A lies: rows x inner; or inner x rows, interleaved or transposed.
enum order { ROWS, INTERLEAVED, TRANSPOSED, ORDERS };

// Two of ARM's instructions share the rows out between them: the first row has the same bytes by
// either.
static void check_first_row_alone(size_t columns, size_t pairs, struct cpu_bf16_a a,
                                  struct cpu_bf16_b b, bool add, const float *before,
                                  const float *c) {
#ifdef PROCESSOR_ARM_64
    float alone[128];
    assert_true(columns <= sizeof alone / sizeof *alone);
    memcpy(alone, before, columns * sizeof *alone);
    cpu_bf16_gemm(1, columns, pairs, a, b, add, alone, columns);
    assert_memory_equal(alone, c, columns * sizeof *alone);
#else
    (void)columns;
    (void)pairs;
    (void)a;
    (void)b;
    (void)add;
    (void)before;
    (void)c;
#endif
}

// B as columns x inner, so that it is packed across.
static void check(size_t rows, size_t columns, size_t inner, enum order order, bool add) {
    const size_t leading = (columns + CPU_BF16_PANEL - 1) / CPU_BF16_PANEL * CPU_BF16_PANEL + 16;
    float *a = drawn(rows * inner, 1);
    float *b = drawn(columns * inner, 2);
    float *c = drawn(rows * leading, 3);
    float *before = need(rows * leading, sizeof *before);
    const size_t pairs = (inner + 1) / 2;
    uint16_t *bf16_a = need(2 * pairs * (rows + 1), sizeof *bf16_a);
    uint16_t *bf16_b = need(columns * inner + 1, sizeof *bf16_b);
    uint16_t *packed = need(cpu_bf16_packed(inner, columns), sizeof *packed);
    struct cpu_bf16_a from = {bf16_a, 2 * pairs, 2};
    memcpy(before, c, rows * leading * sizeof *c);
    if (order == INTERLEAVED) {
        cpu_bf16_interleaved(a, rows, inner, rows, bf16_a);
        from = (struct cpu_bf16_a){bf16_a, 2, 2 * rows};
    } else if (order == TRANSPOSED) {
        cpu_bf16_transposed(a, rows, inner, rows, bf16_a);
    } else {
        cpu_bf16_rows(a, inner, rows, inner, bf16_a);
    }
    for (size_t n = 0; n < columns; n++) { // row by row: rows are not filled up
        uint16_t row[64 + 1];
        cpu_bf16_rows(b + n * inner, inner, 1, inner, row);
        memcpy(bf16_b + n * inner, row, inner * sizeof *row);
    }
    cpu_bf16_pack(bf16_b, 1, inner, inner, columns, packed);
    const struct cpu_bf16_b with = {packed, cpu_bf16_panel(inner)};
    cpu_bf16_gemm(rows, columns, pairs, from, with, add, c, leading);
    check_first_row_alone(leading - 16, pairs, from, with, add, before, c);
    round_all(a, rows * inner);
    round_all(b, columns * inner);
    for (size_t i = 0; i < rows; i++) {
        for (size_t n = 0; n < columns; n++) {
            double sum = add ? before[i * leading + n] : 0;
            for (size_t k = 0; k < inner; k++) {
                sum += (double)a[order == ROWS ? i * inner + k : k * rows + i] * b[n * inner + k];
            }
            if (!(fabs(c[i * leading + n] - sum) < 1e-4)) {
                fail_msg("%zu x %zu x %zu, row %zu, column %zu: %g, not %g", rows, columns, inner,
                         i, n, (double)c[i * leading + n], sum);
            }
        }
        for (size_t n = leading - 16; n < leading; n++) { // beyond the last panel
            assert_memory_equal(c + i * leading + n, before + i * leading + n, sizeof *c);
        }
    }
    free(a);
    free(b);
    free(c);
    free(before);
    free(bf16_a);
    free(bf16_b);
    free(packed);
}

static void products_are_the_sums(void **state) {
    static const size_t sizes[][3] = {{1, 1, 1},    {1, 16, 2},    {6, 64, 8},   {7, 65, 9},
                                      {13, 80, 33}, {23, 128, 64}, {5, 31, 17},  {12, 100, 2},
                                      {16, 16, 32}, {32, 32, 32},  {40, 50, 64}, {128, 128, 64}};
    (void)state;
    // Who knows the processor says so.
    assert_true(getenv("EXPECT_BF16") == NULL || cpu_bf16_products());
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (enum order order = ROWS; order < ORDERS; order++) {
            check(sizes[i][0], sizes[i][1], sizes[i][2], order, false);
            check(sizes[i][0], sizes[i][1], sizes[i][2], order, true);
        }
    }
}

// ---- matrix units without matrix units

#define NAME(what) emulated_##what
#define TARGET
#include "backend/cpu/products/amx_block.h"

static uint16_t *drawn_bf16(size_t count, uint64_t seed) {
    float *floats = drawn(count, seed);
    uint16_t *numbers = need(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = bf16_from(floats[i]);
    }
    free(floats);
    return numbers;
}

static void check_tiles(size_t rows, size_t panels, size_t inner, bool add) {
    const size_t columns = panels * CPU_BF16_PANEL;
    const size_t leading = columns + 3;
    uint16_t *a = drawn_bf16(rows * inner, 1);
    uint16_t *b = drawn_bf16(columns * inner, 2);
    uint16_t *packed = need(cpu_bf16_packed(inner, columns), sizeof *packed);
    float *c = drawn(rows * leading, 3);
    float *wanted = drawn(rows * leading, 3);
    cpu_bf16_pack(b, 1, inner, inner, columns, packed);
    emulated_gemm(rows, panels, inner / 2, (struct cpu_bf16_a){a, inner, 2},
                  (struct cpu_bf16_b){packed, cpu_bf16_panel(inner)}, add, c, leading);
    for (size_t i = 0; i < rows * leading; i++) {
        const size_t column = i % leading;
        double sum = add || column >= columns ? wanted[i] : 0;
        for (size_t k = 0; column < columns && k < inner; k++) {
            sum += (double)bf16_to(a[i / leading * inner + k]) * bf16_to(b[column * inner + k]);
        }
        assert_true(fabs(c[i] - sum) < 1e-4);
    }
    free(a);
    free(b);
    free(packed);
    free(c);
    free(wanted);
}

static void products_of_tiles_are_the_sums(void **state) {
    (void)state;
    for (size_t rows = 16; rows <= 80; rows += 16) {
        for (size_t panels = 1; panels <= 5; panels++) {
            check_tiles(rows, panels, 32, false);
            check_tiles(rows, panels, 96, true);
        }
    }
}

static void rounding_is_to_nearest_and_even(void **state) {
    (void)state;
    assert_true(rounded(1.0F) == 1.0F);
    assert_true(rounded(-3.25F) == -3.25F);
    assert_true(rounded(0x1.01p0F) == 0x1.00p0F); // halfway, to the even one
    assert_true(rounded(0x1.03p0F) == 0x1.04p0F);
    assert_true(rounded(0x1.011p0F) == 0x1.02p0F);
}

// Columns that lie side by side give the bytes of those that do not.
static void packed_columns_do_not_depend_on_how_they_lie(void **state) {
    enum { INNER = 7, COLUMNS = 40 };
    uint16_t rows[INNER * COLUMNS];
    uint16_t columns[COLUMNS * INNER];
    (void)state;
    for (size_t i = 0; i < (size_t)INNER * COLUMNS; i++) {
        rows[i] = (uint16_t)(i + 1);
        columns[i % COLUMNS * INNER + i / COLUMNS] = rows[i];
    }
    for (size_t inner = 1; inner <= INNER; inner++) {
        for (size_t count = 1; count <= COLUMNS; count++) {
            uint16_t one[(INNER + 1) * 3 * CPU_BF16_PANEL];
            uint16_t other[(INNER + 1) * 3 * CPU_BF16_PANEL];
            memset(one, 0xAB, sizeof one);
            memset(other, 0xAB, sizeof other);
            cpu_bf16_pack(rows, COLUMNS, 1, inner, count, one);
            cpu_bf16_pack(columns, 1, INNER, inner, count, other);
            assert_memory_equal(one, other, sizeof one);
        }
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_the_sums),
        cmocka_unit_test(products_of_tiles_are_the_sums),
        cmocka_unit_test(rounding_is_to_nearest_and_even),
        cmocka_unit_test(packed_columns_do_not_depend_on_how_they_lie),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
