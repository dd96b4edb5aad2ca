// Both passes of position attention by tiles in bf16, AVX-512's code emulated on any processor,
// against the formulas in float64; and by this processor's, if it has some, to the same bytes.
#include "bf16_emulation.h"

enum { PIXELS = 300, KEYS = 4, CHANNELS = 6 }; // three blocks, the last not whole

struct image {
    uint16_t q[PIXELS * KEYS], v[PIXELS * CHANNELS], y[PIXELS * CHANNELS], dy[PIXELS * CHANNELS];
    uint16_t dq[PIXELS * KEYS], dv[PIXELS * CHANNELS];
    float logs[PIXELS];
};

static void draw_bf16(uint16_t *numbers, size_t count, double range, uint64_t seed) {
    struct random random = random_seed(31, seed, count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = bf16_from(draw(&random, range));
    }
}

static void run(struct image *image, const struct position_bf16_functions *by, int threads) {
    struct position_plan plan = {.images = 1,
                                 .pixels = PIXELS,
                                 .blocks = (PIXELS + POSITION_BLOCK - 1) / POSITION_BLOCK,
                                 .keys = KEYS,
                                 .channels = CHANNELS,
                                 .bf16 = true,
                                 .precision = PRECISION_BF16,
                                 .threads = threads,
                                 .bf16_functions = by};
    const struct call call = {.state = &plan,
                              .scratch = need(position_workspace_bytes(&plan) +
                                              position_forward_bytes(&plan) +
                                              position_backward_bytes(&plan)),
                              .saved = image->logs,
                              .in = {image->q, image->v},
                              .out = image->y,
                              .out_gradient = image->dy,
                              .in_gradient = {image->dq, image->dv}};
    position_forward(&call);
    position_backward(&call);
    free(call.scratch);
}

static double product(const uint16_t *a, const uint16_t *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)bf16_to(a[i]) * bf16_to(b[i]);
    }
    return sum;
}

// P, its logarithms L, and g, in float64.
struct wanted {
    double p[PIXELS][PIXELS], g[PIXELS][PIXELS], logs[PIXELS];
};

static void find_weights(const struct image *image, struct wanted *wanted) {
    for (size_t i = 0; i < PIXELS; i++) {
        double *p = wanted->p[i];
        double maximum = -INFINITY;
        double sum = 0;
        for (size_t j = 0; j < PIXELS; j++) {
            p[j] = product(image->q + i * KEYS, image->q + j * KEYS, KEYS);
            maximum = fmax(maximum, p[j]);
        }
        for (size_t j = 0; j < PIXELS; j++) {
            sum += exp(p[j] - maximum);
        }
        wanted->logs[i] = maximum + log(sum);
        for (size_t j = 0; j < PIXELS; j++) {
            p[j] = exp(p[j] - wanted->logs[i]);
        }
    }
}

static void find_gradients(const struct image *image, struct wanted *wanted) {
    memset(wanted->g, 0, sizeof wanted->g);
    for (size_t i = 0; i < PIXELS; i++) {
        const uint16_t *dy = image->dy + i * CHANNELS;
        const double d = product(dy, image->y + i * CHANNELS, CHANNELS);
        for (size_t j = 0; j < PIXELS; j++) {
            const double g = wanted->p[i][j] * (product(dy, image->v + j * CHANNELS, CHANNELS) - d);
            wanted->g[i][j] += g;
            wanted->g[j][i] += g;
        }
    }
}

// `made` is the product of a matrix or its transpose with `b`, but for 2 % of its numbers' norm.
static void expect_product(const uint16_t *made, double (*a)[PIXELS], bool transposed,
                           const uint16_t *b, size_t width) {
    double error = 0;
    double norm = 0;
    for (size_t i = 0; i < PIXELS; i++) {
        for (size_t c = 0; c < width; c++) {
            double sum = 0;
            for (size_t j = 0; j < PIXELS; j++) {
                sum += (transposed ? a[j][i] : a[i][j]) * bf16_to(b[j * width + c]);
            }
            error += pow(sum - bf16_to(made[i * width + c]), 2);
            norm += sum * sum;
        }
    }
    assert_true(sqrt(error) <= 0.02 * sqrt(norm));
}

// Keys up to `range` in the last block, and a tenth of that before: maxima rise.
static struct image *drawn_image(double range) {
    struct image *image = need(sizeof *image);
    const size_t last = 2 * (size_t)POSITION_BLOCK * KEYS;
    draw_bf16(image->q, last, range / 10, 1);
    draw_bf16(image->q + last, PIXELS * KEYS - last, range, 2);
    draw_bf16(image->v, PIXELS * CHANNELS, 1, 3);
    draw_bf16(image->dy, PIXELS * CHANNELS, 1, 4);
    return image;
}

static void check_passes(double range) {
    struct image *image = drawn_image(range);
    struct image *other = need(sizeof *other);
    struct wanted *wanted = need(sizeof *wanted);
    memcpy(other, image, sizeof *other);
    run(image, &functions, 1);
    run(other, position_bf16_tiles() != NULL ? position_bf16_tiles() : &functions, 2);
    assert_memory_equal(image->y, other->y, sizeof image->y);
    assert_memory_equal(image->dv, other->dv, sizeof image->dv);
    assert_memory_equal(image->dq, other->dq, sizeof image->dq);
    find_weights(image, wanted);
    for (size_t i = 0; i < PIXELS; i++) {
        assert_true(fabs(image->logs[i] - wanted->logs[i]) < 0.005 + 1e-6 * wanted->logs[i]);
    }
    expect_product(image->y, wanted->p, false, image->v, CHANNELS);
    if (range < 100) { // beyond, g is 0 but for rounding
        find_gradients(image, wanted);
        expect_product(image->dv, wanted->p, true, image->dy, CHANNELS);
        expect_product(image->dq, wanted->g, false, image->q, KEYS);
    }
    free(image);
    free(other);
    free(wanted);
}

static void passes_are_what_the_formulas_say(void **state) {
    (void)state;
    check_passes(1);
    check_passes(20);    // maxima rise by more than their margin
    check_passes(20000); // which is rounded
}

static void not_a_number_stays(void **state) {
    struct image *image = drawn_image(1);
    (void)state;
    image->q[KEYS * 200 + 1] = 0x7FC0;
    run(image, &functions, 1);
    for (size_t i = 0; i < PIXELS * CHANNELS; i++) {
        assert_true(isnan(bf16_to(image->y[i])) && isnan(bf16_to(image->dv[i])));
    }
    free(image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_are_what_the_formulas_say),
        cmocka_unit_test(not_a_number_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
