// Passes on request. Messages are structures and arrays as they lie in memory.
#include "program/train/share.h"

#include "program/die.h"
#include "program/train/signals.h"

enum order { ORDER_END, ORDER_PARAMETERS, ORDER_PASSES };

struct request {
    uint64_t order;
    uint64_t seed; // of passes
};

struct answer {
    struct loss_sums sums;
    uint64_t stop;
};

// ---- rank 0

void share_begin(struct share *share, struct ranks *ranks, const struct step_runner *runner,
                 const struct batch *batch, bool quiet) {
    const uint64_t sizes[] = {batch->capacity, batch->height, batch->width, batch->mask_height,
                              batch->mask_width};
    *share = (struct share){.ranks = ranks, .runner = runner};
    for (size_t rank = 1; rank < ranks_count(ranks); rank++) {
        ranks_send(ranks, rank, sizes, sizeof sizes);
    }
    if (ranks_count(ranks) > 1) {
        numbers_open(&share->numbers, ranks, runner->optimizer->backend, quiet);
    }
}

void share_parameters(const struct share *share) {
    const struct request request = {.order = ORDER_PARAMETERS};
    struct executor *executor = share->runner->optimizer->executor;
    for (size_t rank = 1; rank < ranks_count(share->ranks); rank++) {
        ranks_send(share->ranks, rank, &request, sizeof request);
    }
    numbers_spread(&share->numbers, executor_values(executor), executor_learned_count(executor));
}

void share_batch(const struct share *share, size_t rank, uint64_t seed, const struct batch *batch) {
    const struct request request = {.order = ORDER_PASSES, .seed = seed};
    ranks_send(share->ranks, rank, &request, sizeof request);
    ranks_send(share->ranks, rank, batch->images, share->runner->image_bytes);
    ranks_send(share->ranks, rank, batch->masks, share->runner->mask_bytes);
}

bool share_take(const struct share *share, size_t rank, struct loss_sums *sums) {
    struct answer answer;
    ranks_receive(share->ranks, rank, &answer, sizeof answer);
    numbers_take(&share->numbers, rank, step_left(share->runner), step_count(share->runner));
    *sums = answer.sums;
    return answer.stop != 0;
}

void share_end(struct share *share) {
    const struct request request = {.order = ORDER_END};
    for (size_t rank = 1; rank < ranks_count(share->ranks); rank++) {
        ranks_send_last(share->ranks, rank, &request, sizeof request);
    }
    if (ranks_count(share->ranks) > 1) {
        numbers_close(&share->numbers);
    }
}

// ---- the others

void share_sizes(struct ranks *ranks, struct batch *batch) {
    uint64_t sizes[5];
    struct error error;
    ranks_receive(ranks, 0, sizes, sizeof sizes);
    const struct batch wanted = {.capacity = sizes[0],
                                 .height = sizes[1],
                                 .width = sizes[2],
                                 .mask_height = sizes[3],
                                 .mask_width = sizes[4]};
    if (!batch_like(batch, &wanted, &error)) {
        die("rank %zu: %s", ranks_own(ranks), error.text);
    }
}

static void run_passes(const struct numbers *numbers, struct step_runner *runner,
                       const struct batch *batch, uint64_t seed, struct answer *answer) {
    struct ranks *ranks = numbers->ranks;
    struct backend *backend = runner->optimizer->backend;
    struct error error;
    ranks_receive(ranks, 0, batch->images, runner->image_bytes);
    ranks_receive(ranks, 0, batch->masks, runner->mask_bytes);
    step_send(runner, batch);
    step_start_passes(runner, seed);
    if (!step_finish(runner, &answer->sums, &error)) {
        die("rank %zu: %s", ranks_own(ranks), error.text);
    }
    ranks_send(ranks, 0, answer, sizeof *answer);
    numbers_give(numbers, step_left(runner), step_count(runner));
    backend->calls->clear(backend, step_left(runner), step_count(runner) * sizeof(float));
}

void share_work(struct ranks *ranks, struct optimizer *optimizer, const struct batch *batch,
                const struct loss_options *loss) {
    struct executor *executor = optimizer->executor;
    struct step_runner runner;
    struct numbers numbers;
    struct answer answer = {.stop = 0};
    struct request request;
    struct error error;
    if (!step_open(&runner, optimizer, batch, loss, &error)) {
        die("rank %zu: %s", ranks_own(ranks), error.text);
    }
    numbers_open(&numbers, ranks, optimizer->backend, true);
    for (;;) {
        ranks_receive(ranks, 0, &request, sizeof request);
        if (request.order == ORDER_END) {
            break;
        }
        if (request.order == ORDER_PARAMETERS) {
            numbers_spread(&numbers, executor_values(executor), executor_learned_count(executor));
            executor_changed(executor);
            continue;
        }
        answer.stop = answer.stop != 0 || signals_came();
        run_passes(&numbers, &runner, batch, request.seed, &answer);
    }
    numbers_close(&numbers);
    step_close(&runner);
}
