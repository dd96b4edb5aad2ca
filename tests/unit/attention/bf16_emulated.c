// Tiles of position attention in bf16: AVX-512's code on any processor, its intrinsics emulated,
// against exponentials in float64; and this processor's, if it has some, to the same bytes.
#include "bf16_emulation.h"

enum { SIDE = POSITION_BLOCK, NUMBERS = SIDE * POSITION_STRIDE };

static void expect_near(double value, double wanted, double error) {
    assert_true(fabs(value - wanted) <= error * fabs(wanted) + 0x1p-125);
}

// What is given, and made of it.
struct made {
    float scores[NUMBERS], products[NUMBERS], transposed[NUMBERS];
    float rows[SIDE], columns[SIDE], row_d[SIDE], column_d[SIDE]; // maxima or logarithms, and D
    float row_sums[SIDE], column_sums[SIDE];
    uint16_t bf16[4][SIDE * SIDE];
};

// Scores up to `range`, below maxima of about as much.
static struct made *drawn(const struct position_tile *tile, double range) {
    struct made *made = need(sizeof *made);
    struct random random = random_seed(29, tile->rows, tile->columns);
    for (size_t row = 0; row < tile->rows; row++) {
        for (size_t i = row * POSITION_STRIDE; i < row * POSITION_STRIDE + tile->columns; i++) {
            made->scores[i] = draw(&random, range);
            made->products[i] = draw(&random, 1);
            made->transposed[i] = draw(&random, 1);
        }
    }
    for (size_t i = 0; i < SIDE; i++) {
        made->rows[i] = (float)range + 0.5F * (float)(i % 8);
        made->columns[i] = (float)range + 0.3F * (float)(i % 7);
        made->row_d[i] = draw(&random, 1);
        made->column_d[i] = draw(&random, 1);
        made->row_sums[i] = made->column_sums[i] = 0;
    }
    return made;
}

static bool weigh_tile(const struct position_bf16_functions *by, const struct position_tile *tile,
                       struct made *made) {
    return by->weights(tile, made->scores, (struct position_softmax){made->rows, made->row_sums},
                       (struct position_softmax){made->columns, made->column_sums}, made->bf16[0],
                       made->bf16[1]);
}

static bool differentiate_tile(const struct position_bf16_functions *by,
                               const struct position_tile *tile, struct made *made) {
    const struct position_bf16_gradients to = {made->bf16[0], made->bf16[1], made->bf16[2],
                                               made->bf16[3]};
    return by->gradients(tile, made->scores, made->products, made->transposed,
                         (struct position_sums){made->rows, made->row_d},
                         (struct position_sums){made->columns, made->column_d}, &to);
}

typedef bool make_function(const struct position_bf16_functions *by,
                           const struct position_tile *tile, struct made *made);

// This processor's bytes are those of the emulation.
static void expect_same(make_function *make, const struct position_tile *tile,
                        const struct made *given, const struct made *emulated) {
    if (position_bf16_tiles() != NULL) {
        struct made *own = need(sizeof *own);
        memcpy(own, given, sizeof *own);
        assert_true(make(position_bf16_tiles(), tile, own));
        assert_memory_equal(own->bf16, emulated->bf16, sizeof own->bf16);
        free(own);
    }
}

static float in_rows(const uint16_t *numbers, size_t row, size_t column) {
    return bf16_to(numbers[row * SIDE + column]);
}

static float in_pairs(const uint16_t *numbers, size_t row, size_t column) {
    return bf16_to(numbers[(row / 2 * SIDE + column) * 2 + row % 2]);
}

// Of a tile whose scores are below maxima: weights and sums.
static void check_weights(size_t rows, size_t columns, double range) {
    const struct position_tile tile = {.rows = rows, .columns = columns};
    struct made *given = drawn(&tile, range);
    struct made *made = need(sizeof *made);
    double column_sums[SIDE] = {0};
    memcpy(made, given, sizeof *made);
    assert_true(weigh_tile(&functions, &tile, made));
    expect_same(weigh_tile, &tile, given, made);
    for (size_t row = 0; row < rows; row++) {
        double sum = 0;
        for (size_t column = 0; column < SIDE; column++) {
            const float weight = in_rows(made->bf16[0], row, column);
            const float of_column = in_pairs(made->bf16[1], row, column);
            const double s = given->scores[row * POSITION_STRIDE + column];
            if (column < columns) {
                expect_near(weight, exp(s - given->rows[row]), 0.0066);
                expect_near(of_column, exp(s - given->columns[column]), 0.0066);
            } else {
                assert_true(weight == 0 && of_column == 0);
            }
            sum += weight;
            column_sums[column] += of_column;
        }
        expect_near(made->row_sums[row], sum, 1e-5);
    }
    for (size_t column = 0; column < columns; column++) {
        expect_near(made->column_sums[column], column_sums[column], 1e-5);
        assert_true(rows % 2 == 0 || in_pairs(made->bf16[1], rows, column) == 0);
    }
    free(given);
    free(made);
}

static void weights_are_exponentials(void **state) {
    (void)state;
    check_weights(SIDE, SIDE, 10);
    check_weights(5, 37, 45); // some are 0
    check_weights(2, 1, 1);
}

// From e^-100 to 1: the greatest error, and its mean.
static void no_exponential_is_far_off(void **state) {
    const struct position_tile tile = {.rows = SIDE, .columns = SIDE};
    struct made *made = drawn(&tile, 1);
    double total = 0;
    (void)state;
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        made->rows[i % SIDE] = made->columns[i % SIDE] = 0;
        made->scores[i / SIDE * POSITION_STRIDE + i % SIDE] = -100 * (float)i / (SIDE * SIDE);
    }
    assert_true(weigh_tile(&functions, &tile, made));
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        const float weight = in_rows(made->bf16[0], i / SIDE, i % SIDE);
        const double wanted = exp(-100.0 * (double)i / (SIDE * SIDE));
        expect_near(weight, wanted, 0.0066);
        total += wanted > 0x1p-120 ? weight / wanted - 1 : 0;
    }
    assert_true(fabs(total) / (SIDE * SIDE) < 2e-4);
    free(made);
}

// What one score makes of its weight in row 2, whose maximum is `maximum`; negative: it is refused,
// and no sum has changed.
static float weight_of(float score, float maximum) {
    const struct position_tile tile = {.rows = 5, .columns = 37};
    struct made *made = drawn(&tile, 1);
    made->scores[2 * POSITION_STRIDE + 9] = score;
    made->rows[2] = maximum;
    made->columns[9] = INFINITY;
    const bool done = weigh_tile(&functions, &tile, made);
    const float weight = in_rows(made->bf16[0], 2, 9);
    for (size_t i = 0; i < SIDE && !done; i++) {
        assert_true(made->row_sums[i] == 0 && made->column_sums[i] == 0);
    }
    free(made);
    return done ? weight : -1;
}

static void scores_of_any_size_are_weighed_or_refused(void **state) {
    (void)state;
    assert_true(weight_of(1e30F, 1e30F) == 1);
    assert_true(weight_of(-1e30F, -1e30F) < 0); // beside others that are far above
    assert_true(weight_of(1e29F, 1e30F) == 0);
    assert_true(weight_of(-1e38F, 3e38F) == 0);
    assert_true(weight_of(-INFINITY, 2) == 0);
    assert_true(weight_of(2, INFINITY) == 0);
    assert_true(weight_of(2.5F, 2) > 1.6F);
    assert_true(weight_of(2.75F, 2) < 0);
    assert_true(weight_of(1e30F, 2) < 0);
    assert_true(weight_of(INFINITY, 2) < 0);
    assert_true(weight_of(NAN, 2) < 0);
    assert_true(weight_of(-NAN, 2) < 0);
    assert_true(weight_of(INFINITY, INFINITY) < 0);
}

static void check_gradients(size_t rows, size_t columns) {
    const struct position_tile tile = {.rows = rows, .columns = columns};
    struct made *given = drawn(&tile, 5);
    struct made *made = need(sizeof *made);
    memcpy(made, given, sizeof *made);
    assert_true(differentiate_tile(&functions, &tile, made));
    expect_same(differentiate_tile, &tile, given, made);
    for (size_t row = 0; row < (rows + 1) / 2 * 2; row++) {
        for (size_t column = 0; column < SIDE; column++) {
            const size_t i = row * POSITION_STRIDE + column;
            const bool inside = row < rows && column < columns;
            const double p = inside ? exp((double)given->scores[i] - given->rows[row]) : 0;
            const double q = inside ? exp((double)given->scores[i] - given->columns[column]) : 0;
            const double d = inside ? (double)given->products[i] - given->row_d[row] : 0;
            const double e = inside ? (double)given->transposed[i] - given->column_d[column] : 0;
            const float g = in_rows(made->bf16[0], row, column);
            assert_true(fabs(g - p * d - q * e) <= 0.011 * (fabs(p * d) + fabs(q * e)));
            assert_true(in_pairs(made->bf16[1], row, column) == g);
            expect_near(in_pairs(made->bf16[2], row, column), p, 0.0066);
            expect_near(in_rows(made->bf16[3], row, column), q, 0.0066);
        }
    }
    given->scores[1] = NAN;
    assert_false(differentiate_tile(&functions, &tile, given));
    free(given);
    free(made);
}

static void gradients_are_the_formula(void **state) {
    (void)state;
    check_gradients(SIDE, SIDE);
    check_gradients(5, 37);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_exponentials),
        cmocka_unit_test(no_exponential_is_far_off),
        cmocka_unit_test(scores_of_any_size_are_weighed_or_refused),
        cmocka_unit_test(gradients_are_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
