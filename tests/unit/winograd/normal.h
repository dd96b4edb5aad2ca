// What tests of Winograd's method draw their layers from: memory, and normal numbers.
#ifndef PLEURA_TESTS_UNIT_WINOGRAD_NORMAL_H
#define PLEURA_TESTS_UNIT_WINOGRAD_NORMAL_H

#include "backend/bf16.h"
#include "core/numbers/random.h"
#include "ops/convolution/cpu/winograd/winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Zeros, at a cache line.
static inline void *need(size_t bytes) {
    void *memory = aligned_alloc(64, bytes / 64 * 64 + 64);
    assert_non_null(memory);
    memset(memory, 0, bytes / 64 * 64 + 64);
    return memory;
}

static inline float normal(struct random *random) {
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        sum += random_uniform(random);
    }
    return (float)sum;
}

// A layer of bf16 by tiles of 4 x 4.
static inline struct winograd shape_of(size_t images, size_t height, size_t width, size_t channels,
                                       size_t out_channels) {
    return (struct winograd){.tile = 4,
                             .precision = PRECISION_BF16,
                             .images = images,
                             .height = height,
                             .width = width,
                             .channels = channels,
                             .out_channels = out_channels,
                             .threads = 1};
}

// What ReLU leaves of normal numbers, a layer's input.
static inline uint16_t *draw_input(const struct winograd *shape, struct random *random) {
    const size_t count = shape->images * shape->height * shape->width * shape->channels;
    uint16_t *input = need(count * sizeof *input);
    for (size_t i = 0; i < count; i++) {
        input[i] = bf16_from(fmaxf(normal(random), 0));
    }
    return input;
}

#endif
