// Convolutions of bf16 by runs on any processor: the methods runs-amx and runs-bf16 once more,
// their tiles and intrinsics emulated, against the plain one.
#include "../backend/amx_emulation.h"
#include "../backend/avx512_emulation.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "ops/convolution/cpu/method.h"
#include "ops/convolution/cpu/runs/runs.h"

#define NAME(what) emulated_##what
#define TARGET
#include "backend/cpu/products/amx_runs_block.h"

#include "backend/cpu/products/amx_block.h"

static void nothing_begins(void) {}

static cpu_bf16_gemm_function *gemm_here(void) {
    return emulated_gemm;
}

const struct run_functions *emulated_by_tiles(void);
const struct run_functions *emulated_by_vectors(void);
extern const struct convolution_method emulated_runs_amx;
extern const struct convolution_method emulated_runs_bf16;

#define NATIVE
#define cpu_level() CPU_BF16
#define cpu_amx_begin nothing_begins
#define cpu_amx_end nothing_begins
#define cpu_amx_begun_runs emulated_runs
#define cpu_amx_gemm gemm_here
#define run_functions_by_tiles emulated_by_tiles
#define run_functions_by_vectors emulated_by_vectors
#define convolution_runs_amx emulated_runs_amx
#define convolution_runs_bf16 emulated_runs_bf16
#include "ops/convolution/cpu/runs/method.c"  // NOLINT(bugprone-suspicious-include)
#include "ops/convolution/cpu/runs/tiles.c"   // NOLINT(bugprone-suspicious-include)
#include "ops/convolution/cpu/runs/vectors.c" // NOLINT(bugprone-suspicious-include)

#include "convolution_trials.h"

static void try_method(const struct convolution_method *method, struct backend *backend,
                       const struct convolution_problem *problem, const struct tensors *tensors,
                       const double *wanted) {
    assert_true(method->accepts(problem));
    float *result = run_method(method, backend, problem, tensors);
    compare(method->name, problem, error_of(method, problem), result, wanted,
            result_count(tensors, problem->pass));
    free(result);
}

static void try(const struct convolution_shape *shape, enum convolution_pass pass) {
    struct backend *backend = open_backend(PRECISION_BF16);
    const struct convolution_problem problem = {
        .shape = complete(*shape),
        .pass = pass,
        .precision = PRECISION_BF16,
        .threads = THREADS,
        .processor = {.bf16_ahead = true, .matrix_unit = true}};
    struct tensors tensors = open_tensors(&problem.shape);
    double *wanted = plain_result(backend, &problem, &tensors);
    if (pass == CONVOLUTION_WEIGHT_GRADIENT) {
        try_method(&convolution_runs_gradient, backend, &problem, &tensors, wanted);
    } else {
        try_method(&emulated_runs_amx, backend, &problem, &tensors, wanted);
        try_method(&emulated_runs_bf16, backend, &problem, &tensors, wanted);
    }
    free(wanted);
    close_tensors(&tensors);
    backend_close(backend);
}

// Columns of one pixel and of two, rows of whole blocks between edges and of less than a tile,
// panels one, two and three, epilogues with all and with nothing, and rows without input.
static void rows_are_those_of_the_plain_method(void **state) {
    static const struct convolution_shape shapes[] = {
        {.images = 2, 6, 200, 8, .out_channels = 8, 3, 1, 1, .groups = 1, true, .relu = true},
        {.images = 1, 5, 75, 8, .out_channels = 7, 3, 1, 1, .groups = 1, true, true, true},
        {.images = 1, 9, 150, 3, .out_channels = 40, 7, 2, 3, .groups = 1, true, .relu = true},
        {.images = 1, 4, 90, 20, .out_channels = 16, 1, 1, 0, .groups = 1, .sum = true},
        {.images = 3, 5, 21, 32, .out_channels = 32, 3, 2, 1, .groups = 1},
        {.images = 1, 2, 5, 16, .out_channels = 3, 1, 1, 2, .groups = 1, .bias = true}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        try(&shapes[i], CONVOLUTION_FORWARD);
    }
}

// Four phases where columns are of one pixel.
static void repeated_pixels_take_fewer_products(void **state) {
    struct convolution_shape shape = {
        .images = 2, 6, 60, 16, .out_channels = 24, 3, 1, 1, .groups = 1, true, true, true};
    (void)state;
    shape.repeated = true;
    try(&shape, CONVOLUTION_FORWARD);
    const struct convolution_problem problem = {.shape = shape};
    assert_true(emulated_runs_bf16.share(&problem) == 4.0 / 9);
    shape.height = shape.width = 2;
    shape.sum = false;
    try(&shape, CONVOLUTION_FORWARD);
    shape.out_channels = 8;
    try(&shape, CONVOLUTION_FORWARD);
}

static void gradients_of_the_input_are_those_of_the_plain_method(void **state) {
    static const struct convolution_shape shapes[] = {
        {.images = 2, 7, 40, 8, .out_channels = 8, .window = 3, .stride = 1, .pad = 1},
        {.images = 1, 6, 20, 40, .out_channels = 16, .window = 3, .stride = 1, .pad = 2},
        {.images = 1, 5, 9, 17, .out_channels = 5, .window = 2, .stride = 1, .pad = 0}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        try(&shapes[i], CONVOLUTION_DATA_GRADIENT);
    }
}

// Panels that are whole, half and neither, odd widths, rows that end before what windows read, and
// more padding than pixels.
static void gradients_of_weights_are_those_of_the_plain_method(void **state) {
    static const struct convolution_shape shapes[] = {
        {.images = 2, 9, 21, 3, .out_channels = 20, .window = 7, .stride = 2, .pad = 3},
        {.images = 1, 7, 40, 8, .out_channels = 8, 3, 1, 1, .groups = 1, .bias = true},
        {.images = 2, 5, 19, 20, .out_channels = 16, 3, 1, 1, .groups = 1, .bias = true},
        {.images = 3, 6, 4, 1, .out_channels = 33, .window = 1, .stride = 3, .pad = 0},
        {.images = 1, 8, 10, 17, .out_channels = 5, .window = 2, .stride = 3, .pad = 1},
        {.images = 1, 2, 1, 4, .out_channels = 3, .window = 5, .stride = 1, .pad = 4}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        try(&shapes[i], CONVOLUTION_WEIGHT_GRADIENT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_the_plain_method),
        cmocka_unit_test(repeated_pixels_take_fewer_products),
        cmocka_unit_test(gradients_of_the_input_are_those_of_the_plain_method),
        cmocka_unit_test(gradients_of_weights_are_those_of_the_plain_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
