// Passes on request. Messages are structures and arrays as they lie in memory.
#include "program/train/share.h"

#include "program/die.h"
#include "program/train/signals.h"

#include <stdlib.h>

enum { PIECE = 1 << 18 }; // numbers that are moved at a time: a device's come by way of the host

enum order { ORDER_END, ORDER_PARAMETERS, ORDER_PASSES };

struct request {
    uint64_t order;
    uint64_t seed; // of passes
};

struct answer {
    struct loss_sums sums;
    uint64_t stop;
};

static float *get_piece(struct backend *backend) {
    float *piece = backend->calls->host_alloc(backend, PIECE * sizeof *piece);
    if (piece == NULL) {
        die("no memory");
    }
    return piece;
}

static size_t piece_at(size_t first, size_t count) {
    return count - first < PIECE ? count - first : PIECE;
}

static void wait_for(struct backend *backend) {
    struct error error;
    if (!backend->calls->wait(backend, &error)) {
        die("%s", error.text);
    }
}

// Sends numbers of the device, by way of `piece`, to ranks first to end - 1.
static void send_numbers(struct ranks *ranks, size_t first, size_t end, struct backend *backend,
                         float *piece, const float *numbers, size_t count) {
    for (size_t at = 0; at < count; at += PIECE) {
        const size_t bytes = piece_at(at, count) * sizeof *piece;
        backend->calls->get(backend, piece, numbers + at, bytes);
        for (size_t rank = first; rank < end; rank++) {
            ranks_send(ranks, rank, piece, bytes);
        }
    }
}

static void receive_numbers(struct ranks *ranks, size_t rank, struct backend *backend, float *piece,
                            float *numbers, size_t count) {
    for (size_t at = 0; at < count; at += PIECE) {
        const size_t bytes = piece_at(at, count) * sizeof *piece;
        ranks_receive(ranks, rank, piece, bytes);
        backend->calls->put(backend, numbers + at, piece, bytes);
        wait_for(backend);
    }
}

// ---- rank 0

void share_begin(struct share *share, struct ranks *ranks, const struct step_runner *runner,
                 const struct batch *batch) {
    const uint64_t sizes[] = {batch->capacity, batch->height, batch->width, batch->mask_height,
                              batch->mask_width};
    *share = (struct share){.ranks = ranks, .runner = runner};
    if (ranks_count(ranks) > 1) {
        share->piece = get_piece(runner->optimizer->backend);
    }
    for (size_t rank = 1; rank < ranks_count(ranks); rank++) {
        ranks_send(ranks, rank, sizes, sizeof sizes);
    }
}

void share_parameters(const struct share *share) {
    const struct request request = {.order = ORDER_PARAMETERS};
    const struct optimizer *optimizer = share->runner->optimizer;
    const size_t ranks = ranks_count(share->ranks);
    for (size_t rank = 1; rank < ranks; rank++) {
        ranks_send(share->ranks, rank, &request, sizeof request);
    }
    send_numbers(share->ranks, 1, ranks, optimizer->backend, share->piece,
                 executor_values(optimizer->executor), executor_learned_count(optimizer->executor));
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
    receive_numbers(share->ranks, rank, share->runner->optimizer->backend, share->piece,
                    step_left(share->runner), step_count(share->runner));
    *sums = answer.sums;
    return answer.stop != 0;
}

void share_end(struct share *share) {
    const struct request request = {.order = ORDER_END};
    struct backend *backend = share->runner->optimizer->backend;
    for (size_t rank = 1; rank < ranks_count(share->ranks); rank++) {
        ranks_send_last(share->ranks, rank, &request, sizeof request);
    }
    if (share->piece != NULL) {
        backend->calls->host_release(backend, share->piece);
        share->piece = NULL;
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

static void run_passes(struct ranks *ranks, struct step_runner *runner, const struct batch *batch,
                       uint64_t seed, float *piece, struct answer *answer) {
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
    send_numbers(ranks, 0, 1, backend, piece, step_left(runner), step_count(runner));
    backend->calls->clear(backend, step_left(runner), step_count(runner) * sizeof(float));
}

void share_work(struct ranks *ranks, struct optimizer *optimizer, const struct batch *batch,
                const struct loss_options *loss) {
    struct executor *executor = optimizer->executor;
    struct step_runner runner;
    struct answer answer = {.stop = 0};
    struct request request;
    struct error error;
    if (!step_open(&runner, optimizer, batch, loss, &error)) {
        die("rank %zu: %s", ranks_own(ranks), error.text);
    }
    struct backend *backend = optimizer->backend;
    float *piece = get_piece(backend);
    for (;;) {
        ranks_receive(ranks, 0, &request, sizeof request);
        if (request.order == ORDER_END) {
            break;
        }
        if (request.order == ORDER_PARAMETERS) {
            receive_numbers(ranks, 0, backend, piece, executor_values(executor),
                            executor_learned_count(executor));
            executor_changed(executor);
            continue;
        }
        answer.stop = answer.stop != 0 || signals_came();
        run_passes(ranks, &runner, batch, request.seed, piece, &answer);
    }
    backend->calls->host_release(backend, piece);
    step_close(&runner);
}
