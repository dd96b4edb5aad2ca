// The two ways of numbers.
#include "program/ranks/numbers.h"

#include "program/die.h"
#include "program/ranks/communicate.h"

enum { PIECE = 1 << 18 }; // numbers that go by way of the host at a time

void numbers_open(struct numbers *numbers, struct ranks *ranks, struct backend *backend,
                  bool quiet) {
    *numbers = (struct numbers){.ranks = ranks,
                                .backend = backend,
                                .communicator = communicate_open(ranks, backend, quiet)};
    if (numbers->communicator == NULL) {
        numbers->piece = backend->calls->host_alloc(backend, PIECE * sizeof *numbers->piece);
        if (numbers->piece == NULL) {
            die("no memory");
        }
    }
}

// ---- by way of the host

static size_t piece_at(size_t first, size_t count) {
    return count - first < PIECE ? count - first : PIECE;
}

// To ranks first to end - 1.
static void send_pieces(const struct numbers *numbers, size_t first, size_t end, const float *array,
                        size_t count) {
    struct backend *backend = numbers->backend;
    for (size_t at = 0; at < count; at += PIECE) {
        const size_t bytes = piece_at(at, count) * sizeof *array;
        backend->calls->get(backend, numbers->piece, array + at, bytes);
        for (size_t rank = first; rank < end; rank++) {
            ranks_send(numbers->ranks, rank, numbers->piece, bytes);
        }
    }
}

static void receive_pieces(const struct numbers *numbers, size_t rank, float *array, size_t count) {
    struct backend *backend = numbers->backend;
    struct error error;
    for (size_t at = 0; at < count; at += PIECE) {
        const size_t bytes = piece_at(at, count) * sizeof *array;
        ranks_receive(numbers->ranks, rank, numbers->piece, bytes);
        backend->calls->put(backend, array + at, numbers->piece, bytes);
        if (!backend->calls->wait(backend, &error)) {
            die("%s", error.text);
        }
    }
}

// ---- both ways

void numbers_spread(const struct numbers *numbers, float *array, size_t count) {
    if (numbers->communicator != NULL) {
        numbers->backend->communicators->broadcast(numbers->communicator, array, count);
        communicate_wait(numbers->ranks);
    } else if (ranks_own(numbers->ranks) == 0) {
        send_pieces(numbers, 1, ranks_count(numbers->ranks), array, count);
    } else {
        receive_pieces(numbers, 0, array, count);
    }
}

void numbers_give(const struct numbers *numbers, const float *array, size_t count) {
    if (numbers->communicator != NULL) {
        numbers->backend->communicators->send(numbers->communicator, 0, array, count);
        communicate_wait(numbers->ranks);
    } else {
        send_pieces(numbers, 0, 1, array, count);
    }
}

void numbers_take(const struct numbers *numbers, size_t rank, float *array, size_t count) {
    if (numbers->communicator != NULL) {
        numbers->backend->communicators->receive(numbers->communicator, rank, array, count);
        communicate_wait(numbers->ranks);
    } else {
        receive_pieces(numbers, rank, array, count);
    }
}

void numbers_close(struct numbers *numbers) {
    communicate_close(numbers->ranks);
    if (numbers->piece != NULL) {
        numbers->backend->calls->host_release(numbers->backend, numbers->piece);
        numbers->piece = NULL;
    }
}
