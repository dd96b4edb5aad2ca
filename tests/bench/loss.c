// loss SIDE BATCH [THREADS]: the loss of four heads with its gradients, on logits as networks begin
// with (every pixel violates a margin) and as they end (few do). Prints both medians in
// milliseconds.
#include "core/clock.h"
#include "core/error.h"
#include "core/numbers/random.h"
#include "program/die.h"
#include "train/training.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7

// As the programs have it, in large pages.
static void *need(struct backend *backend, size_t bytes) {
    void *memory = backend->calls->alloc(backend, bytes);
    if (memory == NULL) {
        die("no memory");
    }
    return memory;
}

static int ascending(const void *a, const void *b) {
    const double one = *(const double *)a;
    const double other = *(const double *)b;
    return one < other ? -1 : one > other;
}

// A rectangle of lesion on each mask; logits `sure` on the right side, and some noise.
static void draw(struct loss_inputs *inputs, uint8_t *masks, float *logits, size_t side,
                 double sure) {
    struct random random = random_seed(1, 0, 0);
    const size_t count = inputs->images * inputs->pixels;
    for (size_t i = 0; i < count; i++) {
        const size_t y = i / side % side;
        const size_t x = i % side;
        masks[i] = y >= side / 4 && y < side / 2 && x >= side / 4 && x < side / 2;
    }
    for (size_t i = 0; i < inputs->heads * count; i++) {
        const double noise = random_uniform(&random) + random_uniform(&random) - 1;
        logits[i] = (float)((masks[i % count] ? sure : -sure) + noise);
    }
}

static double time_loss(struct backend *backend, const struct loss_inputs *inputs) {
    const struct loss_options options = loss_options_usual();
    const struct training_calls *training = training_of(backend);
    void *scratch = need(backend, training->loss_scratch(backend, inputs, &options));
    double seconds[ROUNDS];
    struct loss_sums sums;
    for (int i = -1; i < ROUNDS; i++) {
        const double start = clock_seconds();
        training->loss(backend, inputs, &options, 1, &sums, scratch);
        seconds[i < 0 ? 0 : i] = clock_seconds() - start;
    }
    backend->calls->release(backend, scratch);
    if (!(sums.total > 0)) {
        die("the loss is %g", sums.total);
    }
    qsort(seconds, ROUNDS, sizeof *seconds, ascending);
    return 1e3 * seconds[ROUNDS / 2];
}

int main(int argc, char **argv) {
    backend_prepare(argv);
    if (argc < 3) {
        die("usage: loss SIDE BATCH [THREADS]");
    }
    struct error error;
    const size_t side = strtoul(argv[1], NULL, 10);
    struct loss_inputs inputs = {
        .heads = MAX_LOSS_HEADS, .images = strtoul(argv[2], NULL, 10), .pixels = side * side};
    const size_t count = inputs.images * inputs.pixels;
    struct backend *backend =
        backend_open("cpu", PRECISION_F32, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0, &error);
    if (backend == NULL) {
        die("%s", error.text);
    }
    float *logits = need(backend, inputs.heads * count * sizeof *logits);
    float *gradients = need(backend, inputs.heads * count * sizeof *gradients);
    uint8_t *masks = need(backend, count);
    float *global = need(backend, inputs.images * sizeof *global);
    inputs.global = global;
    inputs.masks = masks;
    inputs.global_gradient = need(backend, inputs.images * sizeof(float));
    for (size_t head = 0; head < inputs.heads; head++) {
        inputs.logits[head] = logits + head * count;
        inputs.gradients[head] = gradients + head * count;
    }
    draw(&inputs, masks, logits, side, 0);
    const double begun = time_loss(backend, &inputs);
    draw(&inputs, masks, logits, side, 8);
    (void)printf("%.3f %.3f\n", begun, time_loss(backend, &inputs));
    backend->calls->release(backend, logits);
    backend->calls->release(backend, gradients);
    backend->calls->release(backend, masks);
    backend->calls->release(backend, global);
    backend->calls->release(backend, inputs.global_gradient);
    backend_close(backend);
    return 0;
}
