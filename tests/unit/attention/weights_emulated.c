// Weights of attention's tiles: AVX-512's code on any processor, with vectors of 16 numbers that
// the compiler splits up, against exponentials in float64; and this processor's, to the same bytes.
#include "backend/cpu/level.h"
#include "core/numbers/random.h"
#include "ops/position_attention/cpu/weights.h"

#include <math.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROWS = 5, COLUMNS = 37, WHOLE = 48, NUMBERS = ROWS * POSITION_STRIDE };

#define OCTAVES 0x1.715476p+0F
#define ROUNDER 0x1.8p23F
#define MIN_EXPONENT (-0x1.e26e34p+5F)

typedef float sixteen __attribute__((vector_size(64)));
typedef float sixteen_anywhere __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t sixteen_bits __attribute__((vector_size(64)));

__attribute__((noinline)) static sixteen fuse(sixteen a, sixteen b, sixteen c) {
    for (size_t i = 0; i < POSITION_LANES; i++) {
        c[i] = fmaf(a[i], b[i], c[i]);
    }
    return c;
}

__attribute__((noinline)) static sixteen greater(sixteen a, sixteen b) {
    for (size_t i = 0; i < POSITION_LANES; i++) {
        a[i] = a[i] > b[i] ? a[i] : b[i];
    }
    return a;
}

#define NAME(what) emulated_##what
#define TARGET
#define VECTOR sixteen
#define ANYWHERE sixteen_anywhere
#define BITS sixteen_bits
#define LANES 16
#define FUSED(a, b, c) fuse(a, b, c)
#define GREATER(a, b) greater(a, b)
#define REGISTER "m" // no register is so wide
#include "ops/position_attention/cpu/weights_block.h"

// A tile, and what is made of it.
struct made {
    float scores[NUMBERS], products[NUMBERS], transposed[NUMBERS];
    float row_sums[ROWS], column_sums[WHOLE];
};

static const struct position_tile tile = {.rows = ROWS, .columns = COLUMNS};

static float draw(struct random *random, double range) {
    return (float)((2 * random_uniform(random) - 1) * range);
}

static struct made drawn(double range) {
    struct made made = {.row_sums = {0}};
    struct random random = random_seed(23, 1, 2);
    for (size_t i = 0; i < NUMBERS; i++) {
        made.scores[i] = i % POSITION_STRIDE < COLUMNS ? draw(&random, range) : -0x1p30F;
        made.products[i] = draw(&random, 1);
        made.transposed[i] = draw(&random, 1);
    }
    return made;
}

static void expect_near(double value, double wanted) {
    assert_true(fabs(value - wanted) <= 1e-5 * fabs(wanted) + 1e-26);
}

static void expect_same(const struct made *ours, const struct made *emulated) {
    for (size_t i = 0; i < NUMBERS && cpu_level() > CPU_BASE; i++) {
        if (i % POSITION_STRIDE < COLUMNS) {
            assert_memory_equal(ours->scores + i, emulated->scores + i, sizeof(float));
            assert_memory_equal(ours->products + i, emulated->products + i, sizeof(float));
            assert_memory_equal(ours->transposed + i, emulated->transposed + i, sizeof(float));
        }
    }
    if (cpu_level() > CPU_BASE) {
        assert_memory_equal(ours->row_sums, emulated->row_sums, sizeof ours->row_sums);
        assert_memory_equal(ours->column_sums, emulated->column_sums, COLUMNS * sizeof(float));
    }
}

// Scores of all sizes, so that some weights are 0, against maxima of all sizes.
static void weights_are_exponentials(void **state) {
    const struct made scores = drawn(80);
    struct made made[2] = {scores, scores};
    float row_maxima[ROWS];
    float column_maxima[WHOLE] = {0};
    double column_sums[COLUMNS] = {0};
    (void)state;
    for (size_t i = 0; i < COLUMNS; i++) {
        column_maxima[i] = 80.0F - (float)i;
    }
    for (size_t i = 0; i < ROWS; i++) {
        row_maxima[i] = 90.0F - 5 * (float)i;
    }
    position_tile_both_weights(&tile, made[0].scores, made[0].transposed,
                               (struct position_softmax){row_maxima, made[0].row_sums},
                               (struct position_softmax){column_maxima, made[0].column_sums});
    emulated_both_weights(&tile, made[1].scores, made[1].transposed,
                          (struct position_softmax){row_maxima, made[1].row_sums},
                          (struct position_softmax){column_maxima, made[1].column_sums});
    expect_same(&made[0], &made[1]);
    for (size_t row = 0; row < ROWS; row++) {
        double sum = 0;
        for (size_t column = 0; column < COLUMNS; column++) {
            const size_t i = row * POSITION_STRIDE + column;
            const double s = scores.scores[i];
            const double weight = exp(s - row_maxima[row]);
            const double of_column = exp(s - column_maxima[column]);
            expect_near(made[1].scores[i], weight);
            expect_near(made[1].transposed[i], of_column);
            assert_true(made[1].scores[i] == 0 || made[1].scores[i] > 9e-27F);
            sum += weight;
            column_sums[column] += of_column;
        }
        expect_near(made[1].row_sums[row], sum);
    }
    for (size_t column = 0; column < COLUMNS; column++) {
        expect_near(made[1].column_sums[column], column_sums[column]);
    }
}

static void what_is_far_below_the_maximum_is_0(void **state) {
    const struct made scores = drawn(20);
    struct made made[2] = {scores, scores};
    float maxima[ROWS];
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        maxima[i] = 81 + powf(1e8F, (float)i); // at least 60 above, up to 10^32
    }
    position_tile_weights(&tile, made[0].scores,
                          (struct position_softmax){maxima, made[0].row_sums});
    emulated_weights(&tile, made[1].scores, (struct position_softmax){maxima, made[1].row_sums});
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = row * POSITION_STRIDE; i < row * POSITION_STRIDE + WHOLE; i++) {
            assert_true(made[0].scores[i] == 0 && made[1].scores[i] == 0);
        }
        assert_true(made[0].row_sums[row] == 0 && made[1].row_sums[row] == 0);
    }
}

static void gradients_are_the_formula(void **state) {
    const struct made given = drawn(30);
    struct made made[2] = {given, given};
    float numbers[WHOLE];
    (void)state;
    for (size_t i = 0; i < WHOLE; i++) {
        numbers[i] = 30 - 0.5F * (float)i;
    }
    const struct position_sums sums = {numbers, numbers + 1};
    const struct position_sums columns = {numbers, numbers};
    position_tile_gradients(&tile, made[0].scores, made[0].products, made[0].transposed, sums,
                            columns);
    emulated_gradients(&tile, made[1].scores, made[1].products, made[1].transposed, sums, columns);
    expect_same(&made[0], &made[1]);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t column = 0; column < COLUMNS; column++) {
            const size_t i = row * POSITION_STRIDE + column;
            const double p = exp((double)given.scores[i] - numbers[row]);
            const double q = exp((double)given.scores[i] - numbers[column]);
            expect_near(made[1].products[i], p);
            expect_near(made[1].transposed[i], q);
            const double d = given.products[i] - (double)numbers[row + 1];
            const double of_column = given.transposed[i] - (double)numbers[column];
            assert_true(fabs(made[1].scores[i] - p * d - q * of_column) <=
                        1e-5 * (fabs(p * d) + fabs(q * of_column)) + 1e-26);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_exponentials),
        cmocka_unit_test(what_is_far_below_the_maximum_is_0),
        cmocka_unit_test(gradients_are_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
