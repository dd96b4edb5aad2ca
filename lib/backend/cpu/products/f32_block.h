// One kind of vectors' products of small matrices, for f32.c, which includes this once for
// each: NAME(x): a name of its own; TARGET: the function's attributes; VECTOR: the type, of LANES
// floats, ANYWHERE: that at any address; FUSED(a, b, c): a b + c; SHAPES: the blocks of C that fit
// into registers, SHAPE(panels, rows) for each, the widest first and one panel last. SPREAD(x), if
// defined: the number at an address, for FUSED's `a`; else it is in each lane. TWICE, if defined:
// two steps of `k` at once, up to 6 % faster on a Zen 1.
//
// Of the machine code (objdump -d cpu_f32.o), a loop over `k` should hold nothing but a load for
// each vector of B, a load for each row of A (vbroadcastss), a vfmadd for each sum, and an addition
// for each pointer. What is read there from (%rsp) or (%rbp) is a spill: an address of the row that
// is loaded a cycle later, or a sum; either costs a tenth.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_F32_BLOCK_H
#define PLEURA_BACKEND_CPU_PRODUCTS_F32_BLOCK_H

#define MAX_ROWS 12 // of a block
#define MAX_PANELS 4

// By 16 lanes: 24 sums take three quarters of the 32 registers, and a number of A serves up to four
// of them.
#define CPU_F32_SHAPES_16 SHAPE(4, 6) SHAPE(2, 12) SHAPE(1, 12)

#define UNROLLED _Pragma("GCC unroll 12")

// Sanitizers would check every number of an unrolled loop on its own.
#ifdef __SANITIZE_ADDRESS__
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))
#else
#define UNCHECKED
#endif

// A row of A is reached from every third one's pointer: all of them as pointers, or as multiples of
// one step, do not fit into a processor's 16 registers. The compiler must not see through that.
#define ROWS_A_POINTER 3
#define POINTERS (MAX_ROWS / ROWS_A_POINTER)
#define KEPT(pointer) __asm__("" : "+r"(pointer))

#endif

#define VECTORS (CPU_F32_PANEL / LANES) // of a panel
#ifndef SPREAD
#define SPREAD(address) (*(address) - (VECTOR){0})
#endif
#ifdef TWICE
#define STEPS _Pragma("GCC unroll 2")
#else
#define STEPS _Pragma("GCC unroll 1")
#endif

// `rows` of `panels`; both are constants where this is called. Where B streams through the cache,
// what lies `ahead` numbers behind it is asked for meanwhile.
UNCHECKED TARGET __attribute__((always_inline)) static inline void NAME(block)(
    size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b, size_t ahead,
    bool add, struct cpu_f32_c c) {
    VECTOR sums[MAX_ROWS][MAX_PANELS * VECTORS];
    const float *from[POINTERS];
    UNROLLED
    for (size_t i = 0; i < POINTERS; i++) {
        from[i] = a.data + i * ROWS_A_POINTER * a.row_step;
    }
    UNROLLED
    for (size_t row = 0; row < rows; row++) {
        UNROLLED
        for (size_t i = 0; i < panels * VECTORS; i++) {
            sums[row][i] = (VECTOR){0};
        }
    }
    STEPS
    for (size_t k = 0; k < inner; k++) {
        VECTOR columns[MAX_PANELS * VECTORS];
        UNROLLED
        for (size_t i = 0; i < panels * VECTORS; i++) {
            columns[i] =
                *(const ANYWHERE *)(b.data + i / VECTORS * b.panel_step + i % VECTORS * LANES);
        }
        UNROLLED
        for (size_t row = 0; row < rows; row++) {
            const VECTOR everywhere =
                SPREAD(from[row / ROWS_A_POINTER] + row % ROWS_A_POINTER * a.row_step);
            UNROLLED
            for (size_t i = 0; i < panels * VECTORS; i++) {
                sums[row][i] = FUSED(everywhere, columns[i], sums[row][i]);
            }
        }
        UNROLLED
        for (size_t i = 0; i * ROWS_A_POINTER < rows; i++) {
            from[i] += a.inner_step;
            KEPT(from[i]);
        }
        if (panels == MAX_PANELS) {
            __builtin_prefetch(b.data + ahead, 0, 2);
        }
        b.data += b.inner_step;
    }
    UNROLLED
    for (size_t row = 0; row < rows; row++) {
        UNROLLED
        for (size_t i = 0; i < panels * VECTORS; i++) {
            ANYWHERE *to = (ANYWHERE *)(c.data + row * c.row_step + i / VECTORS * c.panel_step +
                                        i % VECTORS * LANES);
            *to = (add ? (VECTOR)*to : (VECTOR){0}) + sums[row][i];
        }
    }
}

// The same, summed in parts: in float32 the error of a sum grows with its length.
UNCHECKED TARGET __attribute__((always_inline)) static inline void NAME(parts)(
    size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b, size_t ahead,
    bool add, struct cpu_f32_c c) {
    size_t count = 0;
    if (add && panels > 1) { // the cache is asked for what the next block adds to
        UNROLLED
        for (size_t row = 0; row < rows; row++) {
            UNROLLED
            for (size_t i = 0; i < panels; i++) {
                __builtin_prefetch(c.data + (rows + row) * c.row_step + i * c.panel_step, 1);
            }
        }
    }
    do {
        count = inner < CPU_F32_PART ? inner : CPU_F32_PART;
        NAME(block)(rows, panels, count, a, b, ahead, add, c);
        a.data += count * a.inner_step;
        b.data += count * b.inner_step;
        inner -= count;
        add = true;
    } while (inner > 0);
}

// All rows of so many panels, in blocks of at most `max_rows` rows that differ by one.
#define ROWS(panels, max_rows, rows)                                                               \
    case rows:                                                                                     \
        if ((rows) <= (max_rows)) {                                                                \
            NAME(parts)(rows, panels, inner, a, b, ahead, add, c);                                 \
        }                                                                                          \
        break;
#define SHAPE(panels, max_rows)                                                                    \
    UNCHECKED TARGET static void NAME(panels_##panels)(size_t rows, size_t inner,                  \
                                                       struct cpu_f32_a a, struct cpu_f32_b b,     \
                                                       bool add, struct cpu_f32_c c) {             \
        size_t ahead = (panels)*b.panel_step;                                                      \
        for (size_t blocks = (rows + (max_rows)-1) / (max_rows); blocks > 0; blocks--) {           \
            const size_t count = (rows + blocks - 1) / blocks;                                     \
            switch (count) {                                                                       \
                ROWS(panels, max_rows, 1)                                                          \
                ROWS(panels, max_rows, 2)                                                          \
                ROWS(panels, max_rows, 3)                                                          \
                ROWS(panels, max_rows, 4)                                                          \
                ROWS(panels, max_rows, 5)                                                          \
                ROWS(panels, max_rows, 6)                                                          \
                ROWS(panels, max_rows, 7)                                                          \
                ROWS(panels, max_rows, 8)                                                          \
                ROWS(panels, max_rows, 9)                                                          \
                ROWS(panels, max_rows, 10)                                                         \
                ROWS(panels, max_rows, 11)                                                         \
                ROWS(panels, max_rows, 12)                                                         \
            default: break;                                                                        \
            }                                                                                      \
            a.data += count * a.row_step;                                                          \
            c.data += count * c.row_step;                                                          \
            rows -= count;                                                                         \
            ahead += b.panel_step;                                                                 \
        }                                                                                          \
    }
SHAPES
#undef SHAPE
#undef ROWS

UNCHECKED TARGET static void NAME(gemm)(size_t rows, size_t panels, size_t inner,
                                        struct cpu_f32_a a, struct cpu_f32_b b, bool add,
                                        struct cpu_f32_c c) {
    size_t count = 0;
    for (; panels > 0; panels -= count) {
#define SHAPE(shape_panels, max_rows)                                                              \
    if (panels >= (shape_panels)) {                                                                \
        count = (shape_panels);                                                                    \
        NAME(panels_##shape_panels)(rows, inner, a, b, add, c);                                    \
    } else
        SHAPES {}
#undef SHAPE
        b.data += count * b.panel_step;
        c.data += count * c.panel_step;
    }
}

#undef VECTORS
#undef SPREAD
#undef TWICE
#undef STEPS
#undef NAME
#undef TARGET
#undef VECTOR
#undef ANYWHERE
#undef LANES
#undef FUSED
#undef SHAPES
