// How many images of a batch go through a network at once.
#include "train/inference.h"

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void threads_share_out_few_images(void **state) {
    static const struct {
        int threads;
        size_t batch, together;
    } cases[] = {{1, 1, 1}, {1, 6, 1}, {2, 2, 1}, {4, 6, 1}, {5, 6, 2}, {8, 1, 1}, {64, 6, 6}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct backend backend = {.threads = cases[i].threads};
        assert_int_equal(inference_together(&backend, cases[i].batch), cases[i].together);
    }
}

static void another_device_takes_all_at_once(void **state) {
    const struct kernel *const kernels[] = {NULL};
    const struct backend backend = {.threads = 1, .kernels = kernels};
    (void)state;
    assert_int_equal(inference_together(&backend, 6), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_out_few_images),
                                       cmocka_unit_test(another_device_takes_all_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
