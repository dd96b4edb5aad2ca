// AVX-512's tiles of position attention in bf16 on any processor, as emulated_functions, and what
// their tests draw and need.
#ifndef PLEURA_TESTS_UNIT_ATTENTION_BF16_EMULATION_H
#define PLEURA_TESTS_UNIT_ATTENTION_BF16_EMULATION_H

#include "../backend/avx512_emulation.h"
#include "backend/bf16.h"
#include "core/numbers/random.h"
#include "ops/position_attention/cpu/bf16_tile.h"
#include "ops/position_attention/cpu/passes.h"

#include <math.h>
#include <stdlib.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

const struct position_bf16_functions *emulated_functions(void);

#define NATIVE
#define HAS_PERMUTATIONS() true
#define position_bf16_tiles emulated_functions
#include "ops/position_attention/cpu/bf16_tile.c" // NOLINT(bugprone-suspicious-include)
#undef position_bf16_tiles

static float draw(struct random *random, double range) {
    return (float)((2 * random_uniform(random) - 1) * range);
}

static void *need(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    assert_non_null(memory);
    memset(memory, 0xFF, (bytes + 64) / 64 * 64); // NaN
    return memory;
}

#endif
