// Which method of convolution a pass is planned by, on which processor, and what forbids one.
#include "ops/convolution/cpu/method.h"

#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct convolution_processor base = {.f32_products = false};
static const struct convolution_processor avx2 = {.f32_products = true};
static const struct convolution_processor vnni = {.f32_products = true, .int16_products = true};
static const struct convolution_processor amd_bf16 = {
    .f32_products = true, .int16_products = true, .bf16_products = true, .bf16_ahead = true};
static const struct convolution_processor intel_amx = {
    .f32_products = true, .int16_products = true, .bf16_products = true, .matrix_unit = true};

// The output's size follows from the input's, the window and the stride.
static void expect(const char *method, struct convolution_shape shape, enum convolution_pass pass,
                   enum precision precision, struct convolution_processor processor) {
    struct error error;
    shape.out_height = (shape.height + 2 * shape.pad - shape.window) / shape.stride + 1;
    shape.out_width = (shape.width + 2 * shape.pad - shape.window) / shape.stride + 1;
    const struct convolution_problem problem = {
        .shape = shape, .pass = pass, .precision = precision, .threads = 2, .processor = processor};
    const struct convolution_method *chosen = convolution_method_for(&problem, &error);
    assert_non_null(chosen);
    assert_string_equal(chosen->name, method);
}

static const struct convolution_shape narrow = {1, 8, 8, 32, 8, 8, 32, 3, 1, 1, 1, .train = true};
static const struct convolution_shape wide = {1, 8, 8, 64, 8, 8, 64, 3, 1, 1, 1, .train = true};

static void the_first_that_accepts_is_taken(void **state) {
    struct convolution_shape other = narrow;
    (void)state;
    expect("winograd", narrow, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    expect("onednn-f32", narrow, CONVOLUTION_FORWARD, PRECISION_F32, base);
    other.stride = 2;
    expect("direct", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    other.stride = 3;
    expect("onednn-f32", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    other = narrow;
    other.out_channels = 16;
    expect("winograd", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    expect("winograd", other, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_F32, avx2);
    other.train = false;
    expect("direct", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    other = narrow;
    other.channels = 88; // 24 beside a part of 64: more than a vector
    expect("winograd", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    expect("direct", other, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_F32, avx2);
    other.channels = 72;
    expect("direct", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    other = narrow;
    other.out_channels = 40; // neither panels of 16 nor pairs of 8
    expect("onednn-f32", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    other.out_channels = 1;
    expect("single", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    expect("single", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    expect("onednn-amx", other, CONVOLUTION_FORWARD, PRECISION_BF16, intel_amx);
    expect("onednn-f32", other, CONVOLUTION_FORWARD, PRECISION_F32, base);
    other.out_channels = 32;
    other.channels = 3; // the input's gradient has 3 output channels
    expect("direct", other, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    expect("onednn-f32", other, CONVOLUTION_DATA_GRADIENT, PRECISION_F32, avx2);
    expect("direct", other, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_F32, avx2);
}

static void groups_have_their_method(void **state) {
    struct convolution_shape depthwise = wide;
    (void)state;
    depthwise.groups = 64;
    expect("grouped", depthwise, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    expect("grouped", depthwise, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, intel_amx);
    expect("grouped", depthwise, CONVOLUTION_DATA_GRADIENT, PRECISION_BF16, amd_bf16);
    expect("plain", depthwise, CONVOLUTION_FORWARD, PRECISION_F32, base);
    depthwise.groups = 32; // of 2 channels
    expect("plain", depthwise, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    depthwise.groups = 2;
    expect("grouped", depthwise, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
}

static void processors_differ_in_bf16(void **state) {
    struct convolution_shape other = wide;
    (void)state;
    expect("winograd", narrow, CONVOLUTION_FORWARD, PRECISION_BF16, avx2);
    expect("winograd-int16", narrow, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    expect("winograd-bf16", narrow, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, amd_bf16);
    expect("winograd-int16", wide, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    expect("winograd-int16", wide, CONVOLUTION_DATA_GRADIENT, PRECISION_BF16, amd_bf16);
    expect("winograd-bf16", wide, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, amd_bf16);
    expect("winograd", wide, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_F32, amd_bf16);
    expect("winograd", wide, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, vnni);
    expect("winograd", wide, CONVOLUTION_FORWARD, PRECISION_F32, amd_bf16);
    expect("winograd-int16", wide, CONVOLUTION_FORWARD, PRECISION_BF16, vnni);
    expect("winograd-int16", narrow, CONVOLUTION_FORWARD, PRECISION_BF16, vnni);
    other.channels = 16;
    expect("winograd", other, CONVOLUTION_FORWARD, PRECISION_BF16, vnni);
    expect("onednn-bf16", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    expect("onednn-bf16", other, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, amd_bf16);
    other.channels = other.out_channels = 256; // weights are measured in each step
    other.images = 15;
    expect("winograd", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    other.images = 16;
    expect("winograd-int16", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    other = wide;
    other.window = 1;
    other.pad = 0;
    expect("direct", other, CONVOLUTION_FORWARD, PRECISION_BF16, avx2);
    expect("onednn-bf16", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    expect("onednn-amx", wide, CONVOLUTION_FORWARD, PRECISION_BF16, intel_amx);
    expect("onednn-amx", wide, CONVOLUTION_DATA_GRADIENT, PRECISION_BF16, intel_amx);
    expect("amx", wide, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, intel_amx);
    expect("onednn-amx", narrow, CONVOLUTION_FORWARD, PRECISION_BF16, intel_amx);
    other = narrow;
    other.train = false;
    expect("winograd-int16", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    expect("runs-amx", other, CONVOLUTION_FORWARD, PRECISION_BF16, intel_amx);
    other.out_channels = 16;
    expect("runs-bf16", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    other.out_channels = other.channels = 512; // many weights for few pixels
    expect("runs-bf16", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    other.height = other.width = 12;
    expect("winograd-int16", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    expect("direct", other, CONVOLUTION_FORWARD, PRECISION_F32, amd_bf16);
    other = narrow;
    other.train = true;
    other.channels = 8; // are written backward
    expect("onednn-bf16", other, CONVOLUTION_FORWARD, PRECISION_BF16, amd_bf16);
    expect("runs-bf16", other, CONVOLUTION_DATA_GRADIENT, PRECISION_BF16, amd_bf16);
    expect("onednn-bf16", other, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, amd_bf16);
    other.channels = 3;
    expect("runs-gradient", other, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, amd_bf16);
    other.stride = 2;
    other.channels = other.out_channels = 128;
    expect("runs-gradient", other, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, amd_bf16);
    other.out_channels = 256;
    expect("onednn-bf16", other, CONVOLUTION_WEIGHT_GRADIENT, PRECISION_BF16, amd_bf16);
    other.stride = 1;
    other.channels = 3;
    other.out_channels = 32;
    other.channels = 8;
    other.out_channels = 8;
    expect("runs-amx", other, CONVOLUTION_FORWARD, PRECISION_BF16, intel_amx);
    expect("runs-amx", other, CONVOLUTION_DATA_GRADIENT, PRECISION_BF16, intel_amx);
    expect("winograd", wide, CONVOLUTION_FORWARD, PRECISION_F32, intel_amx);
}

static void methods_are_forbidden_by_name(void **state) {
    struct error error;
    const struct convolution_problem problem = {.shape = wide, .processor = avx2};
    (void)state;
    assert_int_equal(setenv("PLEURA_WITHOUT", "winograd", 1), 0);
    expect("direct", wide, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    assert_int_equal(setenv("PLEURA_WITHOUT", "winograd,direct,onednn-f32", 1), 0);
    expect("plain", wide, CONVOLUTION_FORWARD, PRECISION_F32, avx2);
    assert_int_equal(setenv("PLEURA_WITHOUT", "winograd,fft", 1), 0);
    assert_null(convolution_method_for(&problem, &error));
    assert_non_null(strstr(error.text, "'fft'"));
    assert_int_equal(setenv("PLEURA_WITHOUT", "winograd,direct,onednn-f32,plain", 1), 0);
    assert_null(convolution_method_for(&problem, &error));
    assert_int_equal(unsetenv("PLEURA_WITHOUT"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_accepts_is_taken),
        cmocka_unit_test(groups_have_their_method),
        cmocka_unit_test(processors_differ_in_bf16),
        cmocka_unit_test(methods_are_forbidden_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
