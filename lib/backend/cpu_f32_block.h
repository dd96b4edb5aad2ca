// One kind of vectors' products of small matrices, for cpu_f32.c, which includes this once for
// each: NAME(x): a name of its own; TARGET: the function's attributes; VECTOR: the type, of LANES
// floats, ANYWHERE: that at any address; FUSED(a, b, c): a b + c; MOST_ROWS: rows of C that fit
// into registers, 3 at least.
#define VECTORS (CPU_F32_PANEL / LANES) // of a panel

// `rows` rows of one panel; `rows` is a constant where this is called.
UNCHECKED TARGET __attribute__((always_inline)) static inline void NAME(rows)(
    size_t rows, size_t inner, struct cpu_f32_a a, const float *b, size_t step, bool add, float *c,
    size_t leading) {
    VECTOR sums[MOST_ROWS][VECTORS];
    UNROLLED
    for (size_t row = 0; row < rows; row++) {
        UNROLLED
        for (size_t i = 0; i < VECTORS; i++) {
            sums[row][i] = (VECTOR){0};
        }
    }
    for (size_t k = 0; k < inner; k++) {
        VECTOR columns[VECTORS];
        UNROLLED
        for (size_t i = 0; i < VECTORS; i++) {
            columns[i] = *(const ANYWHERE *)(b + i * LANES);
        }
        UNROLLED
        for (size_t row = 0; row < rows; row++) {
            const VECTOR everywhere = a.at[row * a.row_step] - (VECTOR){0};
            UNROLLED
            for (size_t i = 0; i < VECTORS; i++) {
                sums[row][i] = FUSED(everywhere, columns[i], sums[row][i]);
            }
        }
        a.at += a.inner_step;
        b += step;
    }
    UNROLLED
    for (size_t row = 0; row < rows; row++) {
        UNROLLED
        for (size_t i = 0; i < VECTORS; i++) {
            ANYWHERE *to = (ANYWHERE *)(c + row * leading + i * LANES);
            *to = (add ? (VECTOR)*to : (VECTOR){0}) + sums[row][i];
        }
    }
}

// The same, summed in parts: in float32 the error of a sum grows with its length.
UNCHECKED TARGET __attribute__((always_inline)) static inline void NAME(parts)(
    size_t rows, size_t inner, struct cpu_f32_a a, const float *b, size_t step, bool add, float *c,
    size_t leading) {
    size_t some = 0;
    do {
        some = inner < PART ? inner : PART;
        NAME(rows)(rows, some, a, b, step, add, c, leading);
        a.at += some * a.inner_step;
        b += some * step;
        inner -= some;
        add = true;
    } while (inner > 0);
}

UNCHECKED TARGET static void NAME(panel)(size_t rows, size_t inner, struct cpu_f32_a a,
                                         const float *b, size_t step, bool add, float *c,
                                         size_t leading) {
    for (; rows >= MOST_ROWS; rows -= MOST_ROWS) {
        NAME(parts)(MOST_ROWS, inner, a, b, step, add, c, leading);
        a.at += MOST_ROWS * a.row_step;
        c += MOST_ROWS * leading;
    }
    for (; rows >= 3; rows -= 3) {
        NAME(parts)(3, inner, a, b, step, add, c, leading);
        a.at += 3 * a.row_step;
        c += 3 * leading;
    }
    for (; rows > 0; rows--) {
        NAME(parts)(1, inner, a, b, step, add, c, leading);
        a.at += a.row_step;
        c += leading;
    }
}

UNCHECKED TARGET static void NAME(gemm)(size_t rows, size_t panels, size_t inner,
                                        struct cpu_f32_a a, struct cpu_f32_b b, bool add, float *c,
                                        size_t leading) {
    for (size_t panel = 0; panel < panels; panel++) {
        NAME(panel)
        (rows, inner, a, b.at + panel * b.panel_step, b.inner_step, add, c + panel * CPU_F32_PANEL,
         leading);
    }
}

#undef VECTORS
#undef NAME
#undef TARGET
#undef VECTOR
#undef ANYWHERE
#undef LANES
#undef FUSED
#undef MOST_ROWS
