// Grouped and depthwise convolutions of the CPU backend, by every method that accepts them.
#include "core/simd.h"

#include "convolution_trials.h"

// Groups that there is code for, and others; channels of whole vectors of 16, of 8, and others;
// rows of one block of pixels and of several.
static void groups_see_their_own_channels(void **state) {
    static const struct {
        size_t channels, out_channels, groups;
    } layers[] = {{24, 24, 24},  {32, 32, 32}, {80, 80, 80}, {16, 16, 4},
                  {40, 40, 10},  {48, 48, 6},  {64, 64, 4},  {128, 128, 4},
                  {128, 128, 2}, {12, 12, 12}, {12, 24, 3},  {16, 16, 8}};
    static const size_t windows[] = {1, 3, 5};
    (void)state;
    for (size_t i = 0; i < 2 * 3 * sizeof layers / sizeof *layers; i++) {
        const size_t which = i / 6;
        const size_t window = i == 1 ? 2 : windows[i / 2 % 3];
        check((struct convolution_shape){.images = 2,
                                         .height = 7,
                                         .width = which % 2 == 0 ? 6 : 27,
                                         .channels = layers[which].channels,
                                         .out_channels = layers[which].out_channels,
                                         .groups = layers[which].groups,
                                         .window = window,
                                         .stride = 1 + i % 2,
                                         .pad = window / 2,
                                         .bias = i % 5 != 0,
                                         .sum = i % 3 == 0,
                                         .relu = i % 4 == 0,
                                         .train = true,
                                         .input_gradient = true});
    }
}

// Rows of many blocks, parts of several pairs of rows, and several slabs of channels.
static void large_groups_go_by_slabs(void **state) {
    struct convolution_shape shape = {.images = 1,
                                      .height = 13,
                                      .width = 100,
                                      .channels = 320,
                                      .out_channels = 320,
                                      .groups = 320,
                                      .window = 5,
                                      .stride = 1,
                                      .pad = 2,
                                      .train = true,
                                      .input_gradient = true};
    (void)state;
    check(shape);
    shape.groups = 80;
    shape.stride = 2;
    check(shape);
    shape.height = shape.width = 5;
    shape.channels = shape.out_channels = 1024; // pixels are 4 KiB apart
    shape.groups = 32;
    shape.window = 3;
    shape.stride = shape.pad = 1;
    check(shape);
    shape = (struct convolution_shape){.images = 1,
                                       .height = 2,
                                       .width = 600,
                                       .channels = 320,
                                       .out_channels = 320,
                                       .groups = 320,
                                       .window = 3,
                                       .stride = 1,
                                       .pad = 1};
    check(shape);
}

// Outputs and inputs' gradients of more than 8 MiB in either precision, of whole blocks and parts
// of them; channels of whole lines of the cache, and in bf16 of lines and a half.
static void large_outputs_are_whole_past_the_caches(void **state) {
    struct convolution_shape shape = {.images = 1,
                                      .height = 101,
                                      .width = 131,
                                      .channels = 320,
                                      .out_channels = 320,
                                      .groups = 320,
                                      .window = 3,
                                      .stride = 1,
                                      .pad = 1,
                                      .bias = true,
                                      .relu = true};
    (void)state;
#ifndef PROCESSOR_X86_64
    skip(); // nothing is stored past the caches, and emulated processors are slow
#endif
    check(shape);
    shape.train = shape.input_gradient = true;
    shape.stride = 2;
    check(shape);
    shape.height = shape.width = 172;
    shape.channels = shape.out_channels = 144;
    shape.groups = 36;
    shape.sum = true;
    check(shape);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_see_their_own_channels),
        cmocka_unit_test(large_groups_go_by_slabs),
        cmocka_unit_test(large_outputs_are_whole_past_the_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
