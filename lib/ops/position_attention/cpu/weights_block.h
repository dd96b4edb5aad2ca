// One kind of vectors' weights of tiles, for weights.c, which includes this once for each: NAME(x):
// a name of its own; TARGET: the function's attributes; VECTOR: the type, of LANES floats,
// ANYWHERE: that at any address, BITS: as many integers; FUSED(a, b, c): a b + c; GREATER(a, b): of
// each two numbers the greater one, NaN where b is; REGISTER: how __asm__ calls one of its
// registers.

#define VECTORS (POSITION_LANES / LANES) // that are worked on side by side, for each of two weights
#define UNROLLED _Pragma("GCC unroll 8")

// Keeps the compiler from moving a step of one vector to the next step of that.
#define KEEP_ORDER(vector) __asm__("" : "+" REGISTER(vector))

// exp(x) of `count` vectors of differences from a maximum: 2^n 2^f, where an addition leaves n in a
// float's low bits, and 2^f, |f| <= 1/2, is the polynomial of degree 4 with the least relative
// error, 3e-6. It is 2^40 times as large, and the power that much smaller: with n = -87, below
// which no x gets, the power's exponent is the least one, which makes it 0. All vectors take one
// step before any takes the next: a processor looks for work among the next instructions alone, and
// steps of one vector wait for each other.
TARGET __attribute__((always_inline)) static inline void NAME(exponentials)(VECTOR *x,
                                                                            size_t count) {
    static const float coefficients[] = {0x1.c9fc46p+35F, 0x1.ec0378p+37F, 0x1.62e12cp+39F,
                                         0x1p+40F};
    const VECTOR zero = {0};
    const VECTOR per_octave = zero + OCTAVES;
    const VECTOR rounder = zero + (ROUNDER + 87);
    VECTOR power[2 * VECTORS];
    VECTOR f[2 * VECTORS];
    UNROLLED
    for (size_t i = 0; i < count; i++) {
        x[i] = GREATER(zero + MIN_EXPONENT, x[i]);
        KEEP_ORDER(x[i]);
    }
    UNROLLED
    for (size_t i = 0; i < count; i++) {
        power[i] = FUSED(x[i], per_octave, rounder);
        KEEP_ORDER(power[i]);
    }
    UNROLLED
    for (size_t i = 0; i < count; i++) {
        f[i] = FUSED(x[i], per_octave, rounder - power[i]);
        KEEP_ORDER(f[i]);
    }
    UNROLLED
    for (size_t i = 0; i < count; i++) {
        power[i] = (VECTOR)((BITS)power[i] << 23);
        KEEP_ORDER(power[i]);
    }
    UNROLLED
    for (size_t i = 0; i < count; i++) {
        x[i] = zero + 0x1.3a02ccp+33F;
    }
    for (size_t k = 0; k < sizeof coefficients / sizeof *coefficients; k++) {
        UNROLLED
        for (size_t i = 0; i < count; i++) {
            x[i] = FUSED(x[i], f[i], zero + coefficients[k]);
            KEEP_ORDER(x[i]);
        }
    }
    UNROLLED
    for (size_t i = 0; i < count; i++) {
        x[i] *= power[i];
    }
}

TARGET __attribute__((always_inline)) static inline float NAME(total)(const VECTOR *sums) {
    float lanes[POSITION_LANES];
    memcpy(lanes, sums, sizeof lanes);
    for (size_t half = POSITION_LANES / 2; half > 0; half /= 2) {
        for (size_t lane = 0; lane < half; lane++) {
            lanes[lane] += lanes[lane + half];
        }
    }
    return lanes[0];
}

TARGET static void NAME(weights)(const struct position_tile *tile, float *scores,
                                 struct position_softmax rows) {
    const size_t width = position_whole(tile->columns);
    for (size_t row = 0; row < tile->rows; row++) {
        VECTOR sums[VECTORS] = {{0}};
        ANYWHERE *of_row = (ANYWHERE *)(scores + row * POSITION_STRIDE);
        for (size_t at = 0; at < width / LANES; at += VECTORS) {
            VECTOR x[VECTORS];
            UNROLLED
            for (size_t i = 0; i < VECTORS; i++) {
                x[i] = of_row[at + i] - rows.maxima[row];
            }
            NAME(exponentials)(x, VECTORS);
            UNROLLED
            for (size_t i = 0; i < VECTORS; i++) {
                of_row[at + i] = x[i];
                sums[i] += x[i];
            }
        }
        rows.sums[row] += NAME(total)(sums);
    }
}

TARGET static void NAME(both_weights)(const struct position_tile *tile, float *scores,
                                      float *transposed, struct position_softmax rows,
                                      struct position_softmax columns) {
    const size_t width = position_whole(tile->columns);
    const ANYWHERE *column_maxima = (const ANYWHERE *)columns.maxima;
    ANYWHERE *column_sums = (ANYWHERE *)columns.sums;
    for (size_t row = 0; row < tile->rows; row++) {
        VECTOR sums[VECTORS] = {{0}};
        ANYWHERE *of_row = (ANYWHERE *)(scores + row * POSITION_STRIDE);
        ANYWHERE *of_columns = (ANYWHERE *)(transposed + row * POSITION_STRIDE);
        for (size_t at = 0; at < width / LANES; at += VECTORS) {
            VECTOR x[2 * VECTORS];
            UNROLLED
            for (size_t i = 0; i < VECTORS; i++) {
                x[i] = of_row[at + i] - rows.maxima[row];
                x[VECTORS + i] = of_row[at + i] - column_maxima[at + i];
            }
            NAME(exponentials)(x, 2 * VECTORS);
            UNROLLED
            for (size_t i = 0; i < VECTORS; i++) {
                of_row[at + i] = x[i];
                sums[i] += x[i];
                of_columns[at + i] = x[VECTORS + i];
                column_sums[at + i] += x[VECTORS + i];
            }
        }
        rows.sums[row] += NAME(total)(sums);
    }
}

TARGET static void NAME(gradients)(const struct position_tile *tile, float *scores, float *products,
                                   float *transposed, struct position_sums rows,
                                   struct position_sums columns) {
    const size_t width = position_whole(tile->columns);
    const ANYWHERE *logs = (const ANYWHERE *)columns.logs;
    const ANYWHERE *d = (const ANYWHERE *)columns.d;
    for (size_t row = 0; row < tile->rows; row++) {
        const size_t start = row * POSITION_STRIDE;
        ANYWHERE *score = (ANYWHERE *)(scores + start);
        ANYWHERE *product = (ANYWHERE *)(products + start);
        ANYWHERE *other = (ANYWHERE *)(transposed + start);
        for (size_t at = 0; at < width / LANES; at += VECTORS) {
            VECTOR p[2 * VECTORS];
            UNROLLED
            for (size_t i = 0; i < VECTORS; i++) {
                p[i] = score[at + i] - rows.logs[row];
                p[VECTORS + i] = score[at + i] - logs[at + i];
            }
            NAME(exponentials)(p, 2 * VECTORS);
            UNROLLED
            for (size_t i = 0; i < VECTORS; i++) { // position_gradient of formula.h
                score[at + i] = FUSED(p[i], product[at + i] - rows.d[row],
                                      p[VECTORS + i] * (other[at + i] - d[at + i]));
                product[at + i] = p[i];
                other[at + i] = p[VECTORS + i];
            }
        }
    }
}

#undef VECTORS
#undef UNROLLED
#undef KEEP_ORDER
#undef NAME
#undef TARGET
#undef VECTOR
#undef ANYWHERE
#undef BITS
#undef LANES
#undef FUSED
#undef GREATER
#undef REGISTER
