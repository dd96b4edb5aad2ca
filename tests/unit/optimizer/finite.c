// Gradients that are no numbers: the first of them is told, whatever thread finds it.
#include "optimizer/optimizer.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

enum { COUNT = 100000 };

static void the_first_is_told(void **state) {
    static float parameters[COUNT];
    static float gradients[COUNT];
    const struct optimizer_coefficients coefficients[2] = {{.frozen = true}, {.frozen = true}};
    int64_t bad = 0;
    const struct optimizer_update update = {.parameters = parameters,
                                            .gradients = gradients,
                                            .decaying = COUNT / 3,
                                            .count = COUNT,
                                            .coefficients = coefficients,
                                            .bad = &bad};
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        gradients[COUNT - 1] = gradients[COUNT / 2] = gradients[COUNT / 2 + 1] = 0;
        optimizer_run(&update, threads);
        assert_int_equal(bad, INT64_MAX);
        gradients[COUNT - 1] = INFINITY;
        optimizer_run(&update, threads);
        assert_int_equal(bad, COUNT - 1);
        gradients[COUNT / 2 + 1] = NAN;
        gradients[COUNT / 2] = -INFINITY;
        optimizer_run(&update, threads);
        assert_int_equal(bad, COUNT / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
