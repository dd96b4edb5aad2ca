// Products whose inner side is several runs, for amx.c and for a test, by amx_block.h's macros,
// which it undefines: so this file comes before that one.

// Tiles 0 to 3 by column, then by row: their sums stored. 4 tiles of rows have one panel.
TARGET __attribute__((always_inline)) static inline void NAME(store_runs)(size_t tiles,
                                                                          bool two_panels, float *c,
                                                                          size_t leading) {
    const size_t step = leading * sizeof *c;
    float *below = c + CPU_AMX_SIDE * leading;
    STORE(0, c, step);
    if (two_panels) {
        STORE(1, c + CPU_BF16_PANEL, step);
        if (tiles > 1) {
            STORE(2, below, step);
            STORE(3, below + CPU_BF16_PANEL, step);
        }
        return;
    }
    if (tiles > 1) {
        STORE(1, below, step);
    }
    if (tiles > 2) {
        STORE(2, below + CPU_AMX_SIDE * leading, step);
        STORE(3, below + 2 * CPU_AMX_SIDE * leading, step);
    }
}

// `tiles` and `two_panels` are constants where this is called. A's tiles are 4 and 5, B's 6 and 7.
TARGET __attribute__((always_inline)) static inline void NAME(block_of_runs)(
    size_t tiles, bool two_panels, const struct cpu_bf16_runs *a, struct cpu_bf16_b b, float *c,
    size_t leading) {
    const size_t a_step = a->row_step * sizeof **a->runs;
    const size_t b_step = 2 * CPU_BF16_PANEL * sizeof *b.data;
    const size_t tile = CPU_AMX_SIDE * a->row_step;
    ZERO(0);
    ZERO(1);
    ZERO(2);
    ZERO(3);
    for (size_t run = 0; run < a->count; run++) {
        const uint16_t *rows = a->runs[run];
        for (size_t pair = 0; pair < a->pairs; pair += CPU_AMX_SIDE) {
            LOAD(6, b.data, b_step);
            LOAD(4, rows, a_step);
            MULTIPLY(0, 4, 6);
            if (two_panels) {
                LOAD(7, b.data + b.panel_step, b_step);
                MULTIPLY(1, 4, 7);
            }
            if (tiles > 1) {
                LOAD(5, rows + tile, a_step);
            }
            if (tiles > 1 && two_panels) {
                MULTIPLY(2, 5, 6);
                MULTIPLY(3, 5, 7);
            }
            if (tiles > 1 && !two_panels) {
                MULTIPLY(1, 5, 6);
            }
            if (tiles > 2) {
                LOAD(4, rows + 2 * tile, a_step);
                MULTIPLY(2, 4, 6);
                LOAD(5, rows + 3 * tile, a_step);
                MULTIPLY(3, 5, 6);
            }
            b.data += 2 * CPU_AMX_SIDE * CPU_BF16_PANEL;
            rows += 2 * CPU_AMX_SIDE;
        }
    }
    NAME(store_runs)(tiles, two_panels, c, leading);
}

TARGET static void NAME(runs)(size_t tiles, size_t panels, const struct cpu_bf16_runs *a,
                              struct cpu_bf16_b b, float *c, size_t leading) {
    if (panels == 2 && tiles == 2) {
        NAME(block_of_runs)(2, true, a, b, c, leading);
    } else if (panels == 2) {
        NAME(block_of_runs)(1, true, a, b, c, leading);
    } else if (tiles == 4) {
        NAME(block_of_runs)(4, false, a, b, c, leading);
    } else if (tiles == 2) {
        NAME(block_of_runs)(2, false, a, b, c, leading);
    } else {
        NAME(block_of_runs)(1, false, a, b, c, leading);
    }
}
