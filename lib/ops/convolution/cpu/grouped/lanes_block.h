// One kind of vectors' grouped convolution, for lanes.c, which includes this once for each:
// NAME(x): a name of its own; TARGET: the function's attributes; VECTOR: the type, of LANES floats,
// ANYWHERE: that at any address, BITS: that of integers; FUSED(a, b, c): a b + c; OF_FOUR(x, i):
// each lane the number i of its four, OF_EIGHT(x, i): of its eight, where a vector holds several.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_GROUPED_LANES_BLOCK_H
#define PLEURA_OPS_CONVOLUTION_CPU_GROUPED_LANES_BLOCK_H

#define MAX_PIXELS 12 // of a block: as many sums, one vector each
#define MAX_SUMS 12   // of a weights' gradient

#define UNROLLED _Pragma("GCC unroll 12")

// Sanitizers would check every number of an unrolled loop on its own.
#ifdef __SANITIZE_ADDRESS__
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))
#else
#define UNCHECKED
#endif

// A pixel is reached from every third one's pointer, as rows are in backend/cpu/products.
#define PIXELS_A_POINTER 3
#define POINTERS (MAX_PIXELS / PIXELS_A_POINTER)
#define KEPT(pointer) __asm__("" : "+r"(pointer))

// What a group of so many channels is to a vector.
enum { ONE_A_GROUP, FOUR_A_GROUP, EIGHT_A_GROUP, WIDE_GROUPS };

#endif

static int NAME(kind)(size_t width) {
#ifdef OF_EIGHT
    const int of_eight = EIGHT_A_GROUP;
#else
    const int of_eight = WIDE_GROUPS;
#endif
    return width == 1   ? ONE_A_GROUP
           : width == 4 ? FOUR_A_GROUP
           : width == 8 ? of_eight
                        : WIDE_GROUPS;
}

// ---- the convolution

// Input channel i of the group, `seen` by each lane in a block's pixels `at`, with its weights.
#define ADD_INPUT(i, seen)                                                                         \
    {                                                                                              \
        const VECTOR weight = *(const ANYWHERE *)(weights + (i)*LANES);                            \
        UNROLLED                                                                                   \
        for (size_t p = 0; p < pixels; p++) {                                                      \
            const float *at = from[p / PIXELS_A_POINTER] + p % PIXELS_A_POINTER * job->pixel;      \
            sums[p] = FUSED((VECTOR)(seen), weight, sums[p]);                                      \
        }                                                                                          \
    }
#define HERE (*(const ANYWHERE *)at)
#define ADD_FOUR(i) ADD_INPUT(i, OF_FOUR(HERE, i))
#define ADD_EIGHT(i) ADD_INPUT(i, OF_EIGHT(HERE, i))

// Of four inputs of a wide group, which make one vector if its lanes are four: number i.
#define THERE (*(const ANYWHERE *)(at + first))
#define ADD_WIDE(i) ADD_INPUT(first + (i), OF_FOUR(THERE, i))

// One tap; `pixels` and `kind` are constants where this is called.
UNCHECKED TARGET __attribute__((always_inline)) static inline void NAME(add_tap)(
    size_t pixels, int kind, const struct grouped_lanes *job, const float *const *from,
    const float *weights, VECTOR *sums) {
    switch (kind) {
    case ONE_A_GROUP: ADD_INPUT(0, HERE) break;
    case FOUR_A_GROUP:
        ADD_FOUR(0)
        ADD_FOUR(1)
        ADD_FOUR(2)
        ADD_FOUR(3)
        break;
#ifdef OF_EIGHT
    case EIGHT_A_GROUP:
        ADD_EIGHT(0)
        ADD_EIGHT(1)
        ADD_EIGHT(2)
        ADD_EIGHT(3)
        ADD_EIGHT(4)
        ADD_EIGHT(5)
        ADD_EIGHT(6)
        ADD_EIGHT(7)
        break;
#endif
    default:
#if LANES == 4
        for (size_t first = 0; first < job->width; first += 4) {
            ADD_WIDE(0)
            ADD_WIDE(1)
            ADD_WIDE(2)
            ADD_WIDE(3)
        }
#else
        for (size_t i = 0; i < job->width; i++) {
            ADD_INPUT(i, at[i] - (VECTOR){0})
        }
#endif
    }
}

// The sums of a block's pixels, + bias, + what is there, then ReLU (NaN stays).
UNCHECKED TARGET __attribute__((always_inline)) static inline void NAME(store)(
    size_t pixels, const struct grouped_lanes *job, VECTOR *sums, float *output) {
    const size_t step = job->out_pixel;
    if (job->bias != NULL) {
        const VECTOR bias = *(const ANYWHERE *)job->bias;
        UNROLLED
        for (size_t p = 0; p < pixels; p++) {
            sums[p] += bias;
        }
    }
    if (job->sum) {
        UNROLLED
        for (size_t p = 0; p < pixels; p++) {
            sums[p] += *(const ANYWHERE *)(output + p * step);
        }
    }
    if (job->relu) {
        UNROLLED
        for (size_t p = 0; p < pixels; p++) {
            const BITS below = sums[p] < (VECTOR){0};
            sums[p] = (VECTOR)((BITS)sums[p] & ~below);
        }
    }
    UNROLLED
    for (size_t p = 0; p < pixels; p++) {
        *(ANYWHERE *)(output + p * step) = sums[p];
    }
}

UNCHECKED TARGET __attribute__((always_inline)) static inline void NAME(block)(
    size_t pixels, int kind, const struct grouped_lanes *job, const float *input, float *output) {
    const float *weights = job->weights;
    VECTOR sums[MAX_PIXELS];
    UNROLLED
    for (size_t p = 0; p < pixels; p++) {
        sums[p] = (VECTOR){0};
    }
    for (size_t y = 0; y < job->window_height; y++) {
        const float *from[POINTERS];
        UNROLLED
        for (size_t i = 0; i < POINTERS; i++) {
            from[i] = input + y * job->tap_row + i * PIXELS_A_POINTER * job->pixel;
        }
        for (size_t x = 0; x < job->window_width; x++) {
            NAME(add_tap)(pixels, kind, job, from, weights, sums);
            UNROLLED
            for (size_t i = 0; i * PIXELS_A_POINTER < pixels; i++) {
                from[i] += job->tap;
                KEPT(from[i]);
            }
            weights += job->width * LANES;
        }
    }
    NAME(store)(pixels, job, sums, output);
}

// A row in blocks of pixels whose numbers differ by one.
#define BLOCK(kind, count)                                                                         \
    case count:                                                                                    \
        NAME(block)(count, kind, job, input, output);                                              \
        break;
#define ROW(name, kind)                                                                            \
    UNCHECKED TARGET static void NAME(name)(const struct grouped_lanes *job, const float *input,   \
                                            float *output) {                                       \
        size_t left = job->columns;                                                                \
        for (size_t blocks = (left + MAX_PIXELS - 1) / MAX_PIXELS; blocks > 0; blocks--) {         \
            const size_t pixels = (left + blocks - 1) / blocks;                                    \
            switch (pixels) {                                                                      \
                BLOCK(kind, 1)                                                                     \
                BLOCK(kind, 2)                                                                     \
                BLOCK(kind, 3)                                                                     \
                BLOCK(kind, 4)                                                                     \
                BLOCK(kind, 5)                                                                     \
                BLOCK(kind, 6)                                                                     \
                BLOCK(kind, 7)                                                                     \
                BLOCK(kind, 8)                                                                     \
                BLOCK(kind, 9)                                                                     \
                BLOCK(kind, 10)                                                                    \
                BLOCK(kind, 11)                                                                    \
            default: NAME(block)(MAX_PIXELS, kind, job, input, output);                            \
            }                                                                                      \
            input += pixels * job->pixel;                                                          \
            output += pixels * job->out_pixel;                                                     \
            left -= pixels;                                                                        \
        }                                                                                          \
    }
ROW(row_of_one, ONE_A_GROUP)
ROW(row_of_four, FOUR_A_GROUP)
#ifdef OF_EIGHT
ROW(row_of_eight, EIGHT_A_GROUP)
#endif
ROW(row_of_wide, WIDE_GROUPS)
#undef ROW
#undef BLOCK

static void NAME(convolve)(const struct grouped_lanes *job) {
    for (size_t y = 0; y < job->rows; y++) {
        const float *input = job->input + y * job->row;
        float *output = job->output + y * job->out_row;
        switch (NAME(kind)(job->width)) {
        case ONE_A_GROUP: NAME(row_of_one)(job, input, output); break;
        case FOUR_A_GROUP: NAME(row_of_four)(job, input, output); break;
#ifdef OF_EIGHT
        case EIGHT_A_GROUP: NAME(row_of_eight)(job, input, output); break;
#endif
        default: NAME(row_of_wide)(job, input, output);
        }
    }
}

// ---- sums of weights' gradients: a block of taps, and of four input channels where a group has as
// many, stays in registers for a row of pixels

// Input channel `i` of the four from `first` on, as its lanes see it in pixel `at`.
#define ADD_SUM(i, seen)                                                                           \
    sums[(y * columns + x) * inputs + (i)] =                                                       \
        FUSED((VECTOR)(seen), gradient, sums[(y * columns + x) * inputs + (i)]);
#define SUM_FOUR(i) ADD_SUM(i, OF_FOUR(HERE, i))
#define SUM_LOWER(i) ADD_SUM(i, OF_EIGHT(HERE, i))
#define SUM_UPPER(i) ADD_SUM(i, OF_EIGHT(HERE, 4 + (i)))
#if LANES == 4
#define SUM_WIDE(i) ADD_SUM(i, OF_FOUR(THERE, i))
#else
#define SUM_WIDE(i) ADD_SUM(i, at[first + (i)] - (VECTOR){0})
#endif

// `rows` x `columns` taps, which are constants, as `kind` is. `to`: their sums.
UNCHECKED TARGET __attribute__((always_inline)) static inline void NAME(sum_block)(
    size_t rows, size_t columns, int kind, size_t first, const struct grouped_lanes_gradient *job,
    const float *input, const float *output_gradient, float *to) {
    const size_t inputs = kind == ONE_A_GROUP ? 1 : 4;
    const size_t row_step = job->window_width * job->width * LANES;
    VECTOR sums[MAX_SUMS];
    UNROLLED
    for (size_t i = 0; i < rows * columns * inputs; i++) {
        sums[i] = (VECTOR){0};
    }
    for (size_t pixel = 0; pixel < job->columns; pixel++) {
        const VECTOR gradient = *(const ANYWHERE *)(output_gradient + pixel * job->gradient_pixel);
        UNROLLED
        for (size_t y = 0; y < rows; y++) {
            UNROLLED
            for (size_t x = 0; x < columns; x++) {
                const float *at = input + y * job->tap_row + x * job->tap;
                switch (kind) {
                case ONE_A_GROUP: ADD_SUM(0, HERE) break;
                case FOUR_A_GROUP: SUM_FOUR(0) SUM_FOUR(1) SUM_FOUR(2) SUM_FOUR(3) break;
#ifdef OF_EIGHT
                case EIGHT_A_GROUP:
                    if (first == 0) {
                        SUM_LOWER(0) SUM_LOWER(1) SUM_LOWER(2) SUM_LOWER(3)
                    } else {
                        SUM_UPPER(0) SUM_UPPER(1) SUM_UPPER(2) SUM_UPPER(3)
                    }
                    break;
#endif
                default: SUM_WIDE(0) SUM_WIDE(1) SUM_WIDE(2) SUM_WIDE(3)
                }
            }
        }
        input += job->pixel;
    }
    UNROLLED
    for (size_t i = 0; i < rows * columns * inputs; i++) {
        ANYWHERE *at =
            (ANYWHERE *)(to + i / (columns * inputs) * row_step +
                         (i / inputs % columns * job->width + first + i % inputs) * LANES);
        *at = (VECTOR)*at + sums[i];
    }
}

// All rows of a tile, and all input channels of a group, for a block of taps.
#define SUMS(name, tap_rows, tap_columns, kind)                                                    \
    UNCHECKED TARGET static void NAME(name)(const struct grouped_lanes_gradient *job,              \
                                            const float *input, float *to) {                       \
        for (size_t first = 0; first < job->width; first += 4) {                                   \
            for (size_t row = 0; row < job->rows; row++) {                                         \
                NAME(sum_block)                                                                    \
                (tap_rows, tap_columns, kind, first, job, input + row * job->row,                  \
                 job->gradient + row * job->gradient_row, to);                                     \
            }                                                                                      \
        }                                                                                          \
    }
SUMS(sum_one_3x3, 3, 3, ONE_A_GROUP)
SUMS(sum_one_2x5, 2, 5, ONE_A_GROUP)
SUMS(sum_one_1x5, 1, 5, ONE_A_GROUP)
SUMS(sum_one_1x1, 1, 1, ONE_A_GROUP)
SUMS(sum_four_1x3, 1, 3, FOUR_A_GROUP)
SUMS(sum_four_1x1, 1, 1, FOUR_A_GROUP)
#ifdef OF_EIGHT
SUMS(sum_eight_1x3, 1, 3, EIGHT_A_GROUP)
SUMS(sum_eight_1x1, 1, 1, EIGHT_A_GROUP)
#endif
SUMS(sum_wide_1x3, 1, 3, WIDE_GROUPS)
SUMS(sum_wide_1x1, 1, 1, WIDE_GROUPS)
#undef SUMS

// A block of taps, the largest first.
static const struct {
    size_t rows, columns;
    int kind;
    void (*add)(const struct grouped_lanes_gradient *job, const float *input, float *to);
} NAME(sums)[] = {
    {3, 3, ONE_A_GROUP, NAME(sum_one_3x3)},     {2, 5, ONE_A_GROUP, NAME(sum_one_2x5)},
    {1, 5, ONE_A_GROUP, NAME(sum_one_1x5)},     {1, 1, ONE_A_GROUP, NAME(sum_one_1x1)},
    {1, 3, FOUR_A_GROUP, NAME(sum_four_1x3)},   {1, 1, FOUR_A_GROUP, NAME(sum_four_1x1)},
#ifdef OF_EIGHT
    {1, 3, EIGHT_A_GROUP, NAME(sum_eight_1x3)}, {1, 1, EIGHT_A_GROUP, NAME(sum_eight_1x1)},
#endif
    {1, 3, WIDE_GROUPS, NAME(sum_wide_1x3)},    {1, 1, WIDE_GROUPS, NAME(sum_wide_1x1)},
};

// The first block of the list that fits at a tap; blocks of several rows have whole ones.
static size_t NAME(sums_at)(const struct grouped_lanes_gradient *job, size_t y, size_t x) {
    const int kind = NAME(kind)(job->width);
    size_t which = 0;
    while (NAME(sums)[which].kind != kind || NAME(sums)[which].columns > job->window_width - x ||
           (NAME(sums)[which].rows > 1 && (NAME(sums)[which].rows > job->window_height - y ||
                                           NAME(sums)[which].columns != job->window_width))) {
        which++;
    }
    return which;
}

static void NAME(sum)(const struct grouped_lanes_gradient *job) {
    size_t rows = 1;
    for (size_t y = 0; y < job->window_height; y += rows) {
        size_t which = 0;
        for (size_t x = 0; x < job->window_width; x += NAME(sums)[which].columns) {
            which = NAME(sums_at)(job, y, x);
            rows = NAME(sums)[which].rows;
            NAME(sums)
            [which].add(job, job->input + y * job->tap_row + x * job->tap,
                        job->sums + (y * job->window_width + x) * job->width * LANES);
        }
    }
}

#undef ADD_INPUT
#undef HERE
#undef ADD_FOUR
#undef ADD_EIGHT
#undef THERE
#undef ADD_WIDE
#undef ADD_SUM
#undef SUM_FOUR
#undef SUM_LOWER
#undef SUM_UPPER
#undef SUM_WIDE
#undef NAME
#undef TARGET
#undef VECTOR
#undef ANYWHERE
#undef BITS
#undef LANES
#undef FUSED
#undef OF_FOUR
#undef OF_EIGHT
