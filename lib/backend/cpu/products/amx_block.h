// Products of tiles of 16 rows of 64 bytes, for amx.c and for a test that runs them on any
// processor: NAME(x): a name of its own; TARGET: the function's attributes; of tile registers,
// which are constants: ZERO(tile), LOAD(tile, address, bytes from row to row), STORE likewise, and
// MULTIPLY(sum, a, b): sum += a b, of 16 rows x 16 pairs with 16 pairs x 16 columns.

// Two rows of tiles by two panels; or one of either, where `more_rows` or `more_panels` is false:
// both are constants where this is called. Sums are tiles 0 to 3, A's 4 and 5, B's 6 and 7.
TARGET __attribute__((always_inline)) static inline void NAME(block)(bool more_rows,
                                                                     bool more_panels, size_t pairs,
                                                                     struct cpu_bf16_a a,
                                                                     struct cpu_bf16_b b, bool add,
                                                                     float *c, size_t leading) {
    const size_t a_step = a.row_step * sizeof *a.data;
    const size_t b_step = 2 * CPU_BF16_PANEL * sizeof *b.data;
    const size_t c_step = leading * sizeof *c;
    float *below = c + CPU_AMX_SIDE * leading;
    ZERO(0);
    ZERO(1);
    ZERO(2);
    ZERO(3);
    if (add) {
        LOAD(0, c, c_step);
        if (more_panels) {
            LOAD(1, c + CPU_BF16_PANEL, c_step);
        }
        if (more_rows) {
            LOAD(2, below, c_step);
        }
        if (more_rows && more_panels) {
            LOAD(3, below + CPU_BF16_PANEL, c_step);
        }
    }
    for (size_t pair = 0; pair < pairs; pair += CPU_AMX_SIDE) {
        const uint16_t *columns = b.data + pair * 2 * CPU_BF16_PANEL;
        LOAD(4, a.data + pair * 2, a_step);
        LOAD(6, columns, b_step);
        MULTIPLY(0, 4, 6);
        if (more_panels) {
            LOAD(7, columns + b.panel_step, b_step);
            MULTIPLY(1, 4, 7);
        }
        if (more_rows) {
            LOAD(5, a.data + CPU_AMX_SIDE * a.row_step + pair * 2, a_step);
            MULTIPLY(2, 5, 6);
        }
        if (more_rows && more_panels) {
            MULTIPLY(3, 5, 7);
        }
    }
    STORE(0, c, c_step);
    if (more_panels) {
        STORE(1, c + CPU_BF16_PANEL, c_step);
    }
    if (more_rows) {
        STORE(2, below, c_step);
    }
    if (more_rows && more_panels) {
        STORE(3, below + CPU_BF16_PANEL, c_step);
    }
}

TARGET __attribute__((always_inline)) static inline void NAME(panels)(bool more_panels, size_t rows,
                                                                      size_t pairs,
                                                                      struct cpu_bf16_a a,
                                                                      struct cpu_bf16_b b, bool add,
                                                                      float *c, size_t leading) {
    for (; rows >= 2 * CPU_AMX_SIDE; rows -= 2 * CPU_AMX_SIDE) {
        NAME(block)(true, more_panels, pairs, a, b, add, c, leading);
        a.data += 2 * CPU_AMX_SIDE * a.row_step;
        c += 2 * CPU_AMX_SIDE * leading;
    }
    if (rows > 0) {
        NAME(block)(false, more_panels, pairs, a, b, add, c, leading);
    }
}

TARGET static void NAME(gemm)(size_t rows, size_t panels, size_t pairs, struct cpu_bf16_a a,
                              struct cpu_bf16_b b, bool add, float *c, size_t leading) {
    for (; panels >= 2; panels -= 2) {
        NAME(panels)(true, rows, pairs, a, b, add, c, leading);
        b.data += 2 * b.panel_step;
        c += 2 * (size_t)CPU_BF16_PANEL;
    }
    if (panels > 0) {
        NAME(panels)(false, rows, pairs, a, b, add, c, leading);
    }
}

#undef NAME
#undef TARGET
#undef ZERO
#undef LOAD
#undef STORE
#undef MULTIPLY
