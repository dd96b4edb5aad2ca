// Weights' gradients by matrix units on any processor: the method amx once more, its tiles and
// intrinsics emulated, against the plain one.
#include "../backend/amx_emulation.h"
#include "../backend/avx512_emulation.h"
#include "backend/cpu/products/amx.h"
#include "ops/convolution/cpu/amx/pack.h"
#include "ops/convolution/cpu/method.h"

#define NAME(what) emulated_##what
#define TARGET
#include "backend/cpu/products/amx_block.h"

static void nothing(void) {}

static cpu_bf16_gemm_function *gemm_here(void) {
    return emulated_gemm;
}

const struct amx_functions *emulated_functions(void);
extern const struct convolution_method emulated_method;

#define NATIVE
#define cpu_amx_begin nothing
#define cpu_amx_end nothing
#define cpu_amx_begun_gemm emulated_gemm
#define cpu_amx_gemm gemm_here
#define amx_functions_here emulated_functions
#define convolution_amx emulated_method
#include "ops/convolution/cpu/amx/method.c" // NOLINT(bugprone-suspicious-include)
#include "ops/convolution/cpu/amx/pack.c"   // NOLINT(bugprone-suspicious-include)

#include "convolution_trials.h"

static void try(const struct convolution_shape *shape) {
    struct backend *backend = open_backend(PRECISION_BF16);
    const struct convolution_problem problem = {.shape = complete(*shape),
                                                .pass = CONVOLUTION_WEIGHT_GRADIENT,
                                                .precision = PRECISION_BF16,
                                                .threads = THREADS,
                                                .processor = {.matrix_unit = true}};
    struct tensors tensors = open_tensors(&problem.shape);
    assert_true(emulated_method.accepts(&problem));
    double *wanted = plain_result(backend, &problem, &tensors);
    float *result = run_method(&emulated_method, backend, &problem, &tensors);
    compare("amx, emulated", &problem, MAX_ERROR, result, wanted,
            result_count(&tensors, problem.pass));
    free(wanted);
    free(result);
    close_tensors(&tensors);
    backend_close(backend);
}

// Channels that are folded and that fill tiles or do not, windows that reach over the edges, and
// strides whose phases have taps or none.
static void gradients_are_those_of_the_plain_method(void **state) {
    static const struct convolution_shape shapes[] = {
        {.images = 1, 20, 18, 3, .out_channels = 20, .window = 7, .stride = 2, .pad = 3},
        {.images = 2, 9, 7, 8, .out_channels = 8, .window = 3, .stride = 1, .pad = 1},
        {.images = 2, 9, 40, 40, .out_channels = 18, .window = 3, .stride = 1, .pad = 1},
        {.images = 1, 11, 9, 33, .out_channels = 50, .window = 3, .stride = 2, .pad = 1},
        {.images = 3, 5, 6, 16, .out_channels = 32, .window = 1, .stride = 2, .pad = 0},
        {.images = 1, 10, 11, 17, .out_channels = 3, .window = 2, .stride = 3, .pad = 1}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        try(&shapes[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_plain_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
