// The loss of a head of its own size: to the bit that of its logits resized beforehand, and their
// gradients gathered.
#include "core/numbers/random.h"
#include "loss/total_loss.h"
#include "nn/bilinear/plane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADS = 2, IMAGES = 3, HEIGHT = 9, WIDTH = 10, IN_HEIGHT = 4, IN_WIDTH = 3 };
enum { PIXELS = HEIGHT * WIDTH, IN_PIXELS = IN_HEIGHT * IN_WIDTH };

// Logits of a head of its own size, and of one of the masks'.
struct batch {
    float small[IMAGES * IN_PIXELS], large[IMAGES * PIXELS], global[IMAGES];
    uint8_t masks[IMAGES * PIXELS];
};

struct answer {
    struct loss_sums sums;
    float small[IMAGES * IN_PIXELS], large[IMAGES * PIXELS], global[IMAGES];
};

static void draw(float *numbers, size_t count) {
    struct random random = random_seed(7, count, 0);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float)(4 * random_uniform(&random) - 2);
    }
}

static struct loss_sums run(const struct loss_inputs *inputs, int threads) {
    struct loss_options options = loss_options_usual();
    for (int i = 0; i < LOSSES; i++) {
        options.weights[i] = 0.5;
    }
    const size_t bytes = total_loss_scratch(inputs, &options, threads);
    void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(scratch);
    const struct loss_sums sums = total_loss(inputs, &options, 0.25, threads, scratch);
    free(scratch);
    return sums;
}

// `head`: which of the two is the small one.
static void check(const struct batch *batch, const struct bilinear_plane *plane, size_t head,
                  int threads) {
    float resized[IMAGES * PIXELS];
    float gradient[IMAGES * PIXELS];
    float row[WIDTH + 1];
    static struct answer wanted;
    static struct answer found;
    struct loss_inputs inputs = {.heads = HEADS,
                                 .images = IMAGES,
                                 .pixels = PIXELS,
                                 .global = batch->global,
                                 .global_gradient = wanted.global,
                                 .masks = batch->masks};
    memset(&wanted, 0xFF, sizeof wanted); // nothing that was there before counts
    memset(&found, 0xFF, sizeof found);
    for (size_t y = 0; y < (size_t)IMAGES * HEIGHT; y++) {
        bilinear_plane_row(plane, batch->small + y / HEIGHT * IN_PIXELS, y % HEIGHT, row,
                           resized + y * WIDTH);
    }
    inputs.logits[head] = resized;
    inputs.gradients[head] = gradient;
    inputs.logits[1 - head] = batch->large;
    inputs.gradients[1 - head] = wanted.large;
    wanted.sums = run(&inputs, 1);
    for (size_t i = 0; i < IMAGES; i++) {
        bilinear_plane_gather(plane, gradient + i * PIXELS, row, wanted.small + i * IN_PIXELS);
    }
    inputs.logits[head] = batch->small;
    inputs.gradients[head] = found.small;
    inputs.gradients[1 - head] = found.large;
    inputs.global_gradient = found.global;
    inputs.planes[head] = plane;
    inputs.plane_width = IN_WIDTH;
    found.sums = run(&inputs, threads);
    assert_memory_equal(&found, &wanted, sizeof found);
}

static void heads_of_their_own_size_are_resized(void **state) {
    static struct batch batch;
    struct bilinear_plane plane;
    struct error error;
    (void)state;
    draw(batch.small, (size_t)IMAGES * IN_PIXELS);
    draw(batch.large, (size_t)IMAGES * PIXELS);
    draw(batch.global, IMAGES);
    for (size_t i = 0; i < (size_t)IMAGES * PIXELS; i++) {
        batch.masks[i] = i % 7 == 0;
    }
    assert_true(bilinear_plane_open(&plane, IN_HEIGHT, IN_WIDTH, HEIGHT, WIDTH, &error));
    for (size_t head = 0; head < HEADS; head++) {
        check(&batch, &plane, head, 1);
        check(&batch, &plane, head, 4);
    }
    bilinear_plane_close(&plane);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_of_their_own_size_are_resized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
