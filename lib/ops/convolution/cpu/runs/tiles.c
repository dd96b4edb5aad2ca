// Runs by matrix units: sums are stored while the next products are under way, since both take
// other parts of the processor.
#include "backend/cpu/products/amx.h"
#include "core/simd.h"
#include "ops/convolution/cpu/runs/runs.h"

#include <string.h>

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif
#include "ops/convolution/cpu/runs/store.h"

#define DEPTH ((size_t)32)    // numbers of A's row in a tile
#define MAX_TILES ((size_t)4) // of rows by one panel; half of them by two
#define PANEL ((size_t)CPU_BF16_PANEL)

// The sums of a product, and what was to be done with them.
struct pending {
    float sums[MAX_TILES * CPU_AMX_SIDE * PANEL];
    struct run_product product; // without columns: nothing is pending
};

struct memory {
    struct pending pending[2];
    size_t next; // which is written next
};

NATIVE static void store_pending(struct pending *pending) {
    const struct run_product *product = &pending->product;
    const size_t leading = product->panels * PANEL;
    for (size_t i = 0; i < product->count; i += PANEL) {
        const struct run_store store = run_store_of(product->epilogue, i, product->count - i);
        const float *from = pending->sums + i;
        uint16_t *to = product->to + i;
        const bool whole = run_stores_whole(&store);
        for (size_t column = 0; column < product->columns; column++) {
            run_store(&store, whole, _mm512_loadu_ps(from), to);
            from += leading;
            to += product->step;
        }
    }
    pending->product.columns = 0;
}

static void begin_tiles(void *in) {
    struct memory *memory = in;
    memory->pending[0].product.columns = memory->pending[1].product.columns = 0;
    memory->next = 0;
    cpu_amx_begin();
}

static void end_tiles(void *in) {
    struct memory *memory = in;
    store_pending(&memory->pending[1 - memory->next]);
    cpu_amx_end();
}

static void multiply_tiles(const struct run_product *product, void *in) {
    struct memory *memory = in;
    struct pending *pending = &memory->pending[memory->next];
    cpu_amx_begun_runs(product->unit / CPU_AMX_SIDE, product->panels, &product->a, product->b,
                       pending->sums, product->panels * PANEL);
    memory->next = 1 - memory->next;
    store_pending(&memory->pending[memory->next]);
    pending->product = *product;
}

NATIVE static void spread(const uint16_t *from, size_t step, size_t run, size_t count,
                          uint16_t *to) {
    for (size_t row = 0; row < count; row++) {
        for (size_t i = 0; i < run; i += DEPTH) {
            _mm512_storeu_si512(to + i, _mm512_loadu_si512(from + i));
        }
        from += step;
        to += run;
    }
}

const struct run_functions *run_functions_by_tiles(void) {
    static const struct run_functions functions = {.depth = DEPTH,
                                                   .aligned = true,
                                                   .panels = 2,
                                                   .one = MAX_TILES * CPU_AMX_SIDE,
                                                   .several = MAX_TILES / 2 * CPU_AMX_SIDE,
                                                   .together = 1,
                                                   .memory = (sizeof(struct memory) + 63) / 64 * 64,
                                                   .begin = begin_tiles,
                                                   .end = end_tiles,
                                                   .multiply = multiply_tiles,
                                                   .spread = spread};
    return cpu_amx_gemm() != NULL ? &functions : NULL;
}
#else

const struct run_functions *run_functions_by_tiles(void) {
    return NULL;
}
#endif
