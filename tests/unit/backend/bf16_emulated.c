// AVX-512's code for bf16 on any processor: bf16_avx512.c once more, its intrinsics emulated.
// Rounded numbers have the bytes that this processor's own code makes, and products are the sums.
#include "avx512_emulation.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/cpu/products/bf16_functions.h"
#include "core/numbers/random.h"

#include <math.h>
#include <stdlib.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

const struct cpu_bf16_functions *emulated_bf16_avx512(void);

#define NATIVE
#define cpu_bf16_avx512 emulated_bf16_avx512
#define cpu_level() CPU_BF16
#define cpu_amx_gemm() NULL
#include "backend/cpu/products/bf16_avx512.c" // NOLINT(bugprone-suspicious-include)
#undef cpu_bf16_avx512

enum { MAX_SIDE = 70 }; // rows, columns

static void draw(float *numbers, size_t count) {
    struct random random = random_seed(17, count, 0);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float)(random_uniform(&random) * 4 - 2);
    }
}

// One more number than is to be written shows that nothing is.
static void compare(cpu_bf16_convert_function *emulated, cpu_bf16_convert_function *own,
                    const float *from, size_t rows, size_t columns) {
    uint16_t one[(MAX_SIDE + 1) * (MAX_SIDE + 1)];
    uint16_t other[(MAX_SIDE + 1) * (MAX_SIDE + 1)];
    memset(one, 0xAB, sizeof one);
    memset(other, 0xAB, sizeof other);
    emulated(from, columns + 3, rows, columns, one);
    own(from, columns + 3, rows, columns, other);
    assert_memory_equal(one, other, sizeof one);
}

static void rounded_numbers_have_the_same_bytes(void **state) {
    float from[MAX_SIDE * (MAX_SIDE + 3)];
    uint16_t one[MAX_SIDE];
    uint16_t other[MAX_SIDE];
    (void)state;
    draw(from, MAX_SIDE * (MAX_SIDE + 3));
    for (size_t rows = 1; rows <= MAX_SIDE; rows += rows < 4 ? 1 : 11) {
        for (size_t columns = 1; columns <= MAX_SIDE; columns += columns < 4 ? 1 : 7) {
            compare(functions.rows, cpu_bf16_rows, from, rows, columns);
            compare(functions.interleaved, cpu_bf16_interleaved, from, rows, columns);
            compare(functions.transposed, cpu_bf16_transposed, from, rows, columns);
        }
        memset(one, 0, sizeof one);
        memset(other, 0, sizeof other);
        functions.round(from, rows, one);
        cpu_bf16_round(from, rows, other);
        assert_memory_equal(one, other, sizeof one);
    }
}

static void check_product(size_t rows, size_t columns, size_t pairs, bool add) {
    const size_t panels = (columns + CPU_BF16_PANEL - 1) / CPU_BF16_PANEL;
    const size_t leading = panels * CPU_BF16_PANEL;
    float from[MAX_SIDE * MAX_SIDE];
    float c[MAX_SIDE * MAX_SIDE];
    float wanted[MAX_SIDE * MAX_SIDE];
    uint16_t a[MAX_SIDE * MAX_SIDE];
    uint16_t b[MAX_SIDE * MAX_SIDE];
    uint16_t packed[2 * MAX_SIDE * MAX_SIDE];
    draw(from, MAX_SIDE * MAX_SIDE);
    draw(c, MAX_SIDE * MAX_SIDE);
    memcpy(wanted, c, sizeof c);
    cpu_bf16_round(from, rows * 2 * pairs, a);
    cpu_bf16_round(from + 1, columns * 2 * pairs, b);
    cpu_bf16_pack(b, 1, 2 * pairs, 2 * pairs, columns, packed);
    functions.gemm(rows, columns, pairs, (struct cpu_bf16_a){a, 2 * pairs, 2},
                   (struct cpu_bf16_b){packed, cpu_bf16_panel(2 * pairs)}, add, c, leading);
    for (size_t i = 0; i < MAX_SIDE * MAX_SIDE; i++) {
        const size_t row = i / leading;
        const size_t column = i % leading;
        double sum = add || row >= rows ? wanted[i] : 0;
        for (size_t k = 0; row < rows && column < columns && k < 2 * pairs; k++) {
            sum += (double)bf16_to(a[row * 2 * pairs + k]) * bf16_to(b[column * 2 * pairs + k]);
        }
        assert_true(fabs(c[i] - sum) < 1e-4);
    }
}

static void products_are_the_sums(void **state) {
    (void)state;
    for (size_t rows = 1; rows <= 19; rows++) { // whole blocks, and what is left
        check_product(rows, 64, 9, rows % 2 != 0);
        check_product(rows, 17, 4, rows % 2 == 0);
        check_product(rows, 16, 3, rows % 2 == 0);
    }
    check_product(12, 50, 20, true);
    check_product(24, 16, 5, true); // blocks of one panel
    check_product(45, 16, 3, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounded_numbers_have_the_same_bytes),
        cmocka_unit_test(products_are_the_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
