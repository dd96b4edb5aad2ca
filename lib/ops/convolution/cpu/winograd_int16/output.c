// Outputs of tiles of 4 x 4 in bf16 by AVX-512, which rounds with one instruction: what lies
// between sums and outputs stays in registers.
#include "ops/convolution/cpu/winograd_int16/output.h"

#include "backend/cpu/level.h"
#include "core/simd.h"
#include "ops/convolution/cpu/winograd/transforms.h"

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif
#include "ops/convolution/cpu/runs/store.h"

// `sum` is a constant where this is called.
NATIVE INLINE void make_output(const float *from, size_t step, struct epilogue epilogue, bool sum,
                               size_t channel, uint16_t *output, const size_t *pixels) {
    struct run_store store = run_store_of(epilogue, channel, LANES);
    store.sum = sum;
    lanes middle[TILE * SPAN];
    const float *lines[SPAN];
#pragma GCC unroll 6
    for (size_t x = 0; x < SPAN; x++) {
#pragma GCC unroll 6
        for (size_t y = 0; y < SPAN; y++) {
            lines[y] = from + (y * SPAN + x) * step;
        }
        join_output_4(lines, middle[x], SPAN * (size_t)LANES);
    }
#pragma GCC unroll 4
    for (size_t y = 0; y < TILE; y++) {
        lanes row[TILE];
#pragma GCC unroll 6
        for (size_t x = 0; x < SPAN; x++) {
            lines[x] = middle[y * SPAN + x];
        }
        join_output_4(lines, row[0], LANES);
#pragma GCC unroll 4
        for (size_t x = 0; x < TILE; x++) {
            const size_t offset = pixels[y * TILE + x];
            if (offset != NOWHERE) {
                run_store(&store, !sum, _mm512_loadu_ps(row[x]), output + offset + channel);
            }
        }
    }
}

NATIVE static void transform_native(const float *from, size_t step, struct epilogue epilogue,
                                    size_t channel, void *output, const struct pixels *pixels,
                                    const struct pixels *next) {
    if (channel % (2 * (size_t)LANES) == 0) { // two panels share a cache line
        fetch_pixels(PRECISION_BF16, output, next->offset, TILE, 0, channel, true);
    }
    if (epilogue.sum) {
        make_output(from, step, epilogue, true, channel, output, pixels->offset);
    } else {
        make_output(from, step, epilogue, false, channel, output, pixels->offset);
    }
}

output_transform *transform_output_bf16(void) {
    return cpu_level() >= CPU_BF16 ? transform_native : NULL;
}
#else

output_transform *transform_output_bf16(void) {
    return NULL;
}
#endif
