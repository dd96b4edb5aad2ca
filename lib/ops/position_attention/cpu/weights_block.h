// One kind of vectors' weights of tiles, for weights.c, which includes this once for each: NAME(x):
// a name of its own; TARGET: the function's attributes; VECTOR: the type, of LANES floats,
// ANYWHERE: that at any address, BITS: as many integers; FUSED(a, b, c): a b + c.

#define VECTORS (POSITION_LANES / LANES) // that are worked on side by side

// exp(x), 0 below SOFTMAX_MIN, as in core/numbers/exponential.h, but 2^f = 2^(x / ln 2 - n) by a
// polynomial of f, with |f| <= 1/2 and the least relative error, 1e-7.
TARGET __attribute__((always_inline)) static inline VECTOR NAME(exponential)(VECTOR x) {
    const VECTOR zero = {0};
    const VECTOR per_octave = zero + 0x1.715476p+0F;
    const VECTOR rounder = zero + 0x1.8p23F; // adding it leaves the nearest integer in the low bits
    const VECTOR shifted = FUSED(x, per_octave, rounder);
    const VECTOR f = FUSED(x, per_octave, rounder - shifted);
    VECTOR e = zero + 0x1.5bba14p-10F;
    e = FUSED(e, f, zero + 0x1.3cea88p-7F);
    e = FUSED(e, f, zero + 0x1.c6b752p-5F);
    e = FUSED(e, f, zero + 0x1.ebf9bcp-3F);
    e = FUSED(e, f, zero + 0x1.62e42ap-1F);
    e = FUSED(e, f, zero + 1.0F);
    const BITS bits = (BITS)e + ((BITS)shifted << 23); // times 2^n
    return (VECTOR)(bits & ~(BITS)(x < zero + SOFTMAX_MIN));
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

// With `transposed` NULL of rows alone.
TARGET __attribute__((always_inline)) static inline void NAME(tile)(
    const struct position_tile *tile, float *scores, float *transposed,
    struct position_softmax rows, struct position_softmax columns) {
    const size_t width = position_whole(tile->columns);
    for (size_t row = 0; row < tile->rows; row++) {
        const VECTOR shift = (VECTOR){0} + rows.shifts[row];
        VECTOR sums[VECTORS] = {{0}};
        const size_t start = row * POSITION_STRIDE;
        for (size_t column = 0; column < width; column += POSITION_LANES) {
            _Pragma("GCC unroll 4") for (size_t i = 0; i < VECTORS; i++) {
                const size_t at = column + i * LANES;
                ANYWHERE *score = (ANYWHERE *)(scores + start + at);
                const VECTOR s = *score;
                const VECTOR weight = NAME(exponential)(s - shift);
                *score = weight;
                sums[i] += weight;
                if (transposed != NULL) {
                    ANYWHERE *sum = (ANYWHERE *)(columns.sums + at);
                    const VECTOR of_column =
                        NAME(exponential)(s - *(const ANYWHERE *)(columns.shifts + at));
                    *(ANYWHERE *)(transposed + start + at) = of_column;
                    *sum += of_column;
                }
            }
        }
        rows.sums[row] += NAME(total)(sums);
    }
}

TARGET static void NAME(weights)(const struct position_tile *tile, float *scores,
                                 struct position_softmax rows) {
    NAME(tile)(tile, scores, NULL, rows, rows);
}

TARGET static void NAME(both_weights)(const struct position_tile *tile, float *scores,
                                      float *transposed, struct position_softmax rows,
                                      struct position_softmax columns) {
    NAME(tile)(tile, scores, transposed, rows, columns);
}

TARGET static void NAME(gradients)(const struct position_tile *tile, float *scores, float *products,
                                   float *transposed, struct position_sums rows,
                                   struct position_sums columns) {
    const size_t width = position_whole(tile->columns);
    for (size_t row = 0; row < tile->rows; row++) {
        const VECTOR row_log = (VECTOR){0} + rows.logs[row];
        const VECTOR row_d = (VECTOR){0} + rows.d[row];
        const size_t start = row * POSITION_STRIDE;
        for (size_t column = 0; column < width; column += LANES) {
            ANYWHERE *score = (ANYWHERE *)(scores + start + column);
            ANYWHERE *product = (ANYWHERE *)(products + start + column);
            ANYWHERE *other = (ANYWHERE *)(transposed + start + column);
            const VECTOR s = *score;
            const VECTOR p = NAME(exponential)(s - row_log);
            const VECTOR q = NAME(exponential)(s - *(const ANYWHERE *)(columns.logs + column));
            const VECTOR d = *(const ANYWHERE *)(columns.d + column);
            *score = FUSED(p, *product - row_d, q * (*other - d)); // position_gradient of formula.h
            *product = p;
            *other = q;
        }
    }
}

#undef VECTORS
#undef NAME
#undef TARGET
#undef VECTOR
#undef ANYWHERE
#undef BITS
#undef LANES
#undef FUSED
