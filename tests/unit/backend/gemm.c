// Matrix products of the CPU backend, and what takes the place of those that oneDNN refuses.
#include "backend/cpu/cpu.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CLOSE(a, b) assert_true((a) - (b) < 1e-5F && (b) - (a) < 1e-5F)

// (1 2 3; 4 5 6) times (1 0; 0 1; 2 -1), twice, and half of what C holds.
static void products(void **state) {
    (void)state;
    const float a[] = {1, 2, 3, 4, 5, 6};
    const float a_transposed[] = {1, 4, 2, 5, 3, 6};
    const float b[] = {1, 0, 0, 1, 2, -1};
    const float b_transposed[] = {1, 0, 2, 0, 1, -1};
    const float expected[] = {15, 0, 36, 2};
    for (int which = 0; which < 4; which++) {
        float c[] = {2, 4, 8, 8};
        cpu_gemm((which & 1) != 0, (which & 2) != 0, 2, 2, 3, 2,
                 (which & 1) != 0 ? a_transposed : a, (which & 1) != 0 ? 2 : 3,
                 (which & 2) != 0 ? b_transposed : b, (which & 2) != 0 ? 3 : 2, 0.5F, c, 2);
        for (int i = 0; i < 4; i++) {
            CLOSE(c[i], expected[i]);
        }
    }
}

// Rows that overlap are nothing that oneDNN takes.
static void refused(void **state) {
    (void)state;
    const float numbers[] = {1, 2, 3, 4};
    const float b[] = {1, 10, 100, 1, 10, 100}; // its columns as rows
    const float expected[] = {321, 321, 432, 432};
    float c[] = {NAN, NAN, NAN, NAN}; // beta is 0: not looked at
    cpu_gemm(false, true, 2, 2, 3, 1, numbers, 1, b, 3, 0, c, 2);
    for (int i = 0; i < 4; i++) {
        CLOSE(c[i], expected[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
