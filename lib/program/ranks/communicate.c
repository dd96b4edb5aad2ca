// Whether all ranks' devices can have a communicator is agreed on through the sockets: each other
// rank says whether it could begin, rank 0 lets all begin or none, each says what came of it, and
// rank 0 whether it counts. Whatever waits meanwhile looks for ranks that have ended.
#include "program/ranks/communicate.h"

#include "core/clock.h"
#include "program/die.h"
#include "program/ranks/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE = 120, // seconds in which a communicator must have begun
    GRACE = 3,      // seconds for a rank's end to show where the communicator has failed of it
    GRACE_OF_OTHERS = 10, // rank 0 has the first word
};

// What another rank says of itself; `able`: to begin, or that it has begun.
struct statement {
    uint64_t able;
    struct communicator_device device;
    char text[sizeof(struct error)]; // why not
};

struct offer {
    uint64_t begins;
    struct communicator_name name;
};

// A process has one; it lets go of it when it exits, as the devices of others may work with it.
static struct {
    const struct communicator_calls *calls;
    struct communicator *communicator;
} held;

static void let_go(void) {
    if (held.communicator != NULL) {
        held.calls->close(held.communicator);
        held.communicator = NULL;
    }
}

// False with *error.
static bool begin(const struct ranks *ranks, struct backend *backend,
                  const struct communicator_name *name, struct error *error) {
    static bool registered;
    held.calls = backend->communicators;
    held.communicator = held.calls->open(backend, name, ranks->own, ranks->count, error);
    registered = registered || atexit(let_go) == 0;
    return held.communicator != NULL && (registered || fail(error, "no memory"));
}

// Whether this rank could begin.
static bool is_able(struct backend *backend, struct communicator_device *device,
                    struct error *error) {
    const struct communicator_calls *calls = backend->communicators;
    return calls->kind(error) != NULL && calls->device(backend, device, error);
}

// ---- the others

static void state_to_rank_0(struct ranks *ranks, struct statement *statement, bool able,
                            const struct error *error) {
    statement->able = able;
    if (!able) {
        (void)snprintf(statement->text, sizeof statement->text, "%s", error->text);
    }
    ranks_send(ranks, 0, statement, sizeof *statement);
}

static void join(struct ranks *ranks, struct backend *backend) {
    struct statement statement = {.able = 0};
    struct offer offer;
    struct error error = {""};
    uint64_t counts = 0;
    const bool able = is_able(backend, &statement.device, &error);
    state_to_rank_0(ranks, &statement, able, &error);
    ranks_receive(ranks, 0, &offer, sizeof offer);
    if (offer.begins == 0) {
        return;
    }
    enum communicator_state state =
        begin(ranks, backend, &offer.name, &error) ? COMMUNICATOR_BUSY : COMMUNICATOR_FAILED;
    // Rank 0 speaks first where it does not count.
    while (state == COMMUNICATOR_BUSY &&
           (state = held.calls->state(held.communicator, &error)) == COMMUNICATOR_BUSY &&
           ranks_look(ranks, true) == ranks->count) {
    }
    state_to_rank_0(ranks, &statement, state == COMMUNICATOR_IDLE, &error);
    ranks_receive(ranks, 0, &counts, sizeof counts);
    if (counts == 0) {
        let_go();
    }
}

// ---- rank 0

// What a rank says; false with *error where it is not able.
static bool hear(struct ranks *ranks, size_t rank, struct statement *statement,
                 struct error *error) {
    ranks_receive(ranks, rank, statement, sizeof *statement);
    statement->text[sizeof statement->text - 1] = '\0';
    return statement->able != 0 || fail(error, "rank %zu: %s", rank, statement->text);
}

// Whether all could begin, each with a device of its own. All are heard.
static bool all_able(struct ranks *ranks, struct backend *backend, struct error *error) {
    struct communicator_device devices[MAX_RANKS];
    struct statement statement;
    bool able = is_able(backend, &devices[0], error);
    for (size_t rank = 1; rank < ranks->count; rank++) {
        able = hear(ranks, rank, &statement, able ? error : NULL) && able;
        devices[rank] = statement.device;
        for (size_t i = 0; able && i < rank; i++) {
            if (memcmp(&devices[i], &devices[rank], sizeof devices[i]) == 0) {
                able = fail(error, "ranks %zu and %zu have the same device", i, rank);
            }
        }
    }
    return able;
}

// Begins with the others, and listens to them up to the first one that is not able. *heard: which
// have been.
static bool begin_all(struct ranks *ranks, struct backend *backend,
                      const struct communicator_name *name, bool heard[MAX_RANKS],
                      struct error *error) {
    const double start = clock_seconds();
    struct statement statement;
    if (!begin(ranks, backend, name, error)) {
        return false;
    }
    for (size_t count = 0;;) {
        const enum communicator_state state = held.calls->state(held.communicator, error);
        if (state == COMMUNICATOR_FAILED) {
            return false;
        }
        if (state == COMMUNICATOR_IDLE && count == ranks->count - 1) {
            return true;
        }
        if (clock_seconds() - start > PATIENCE) {
            return fail(error, "%s has not begun within %d seconds", held.calls->kind(NULL),
                        PATIENCE);
        }
        const size_t rank = ranks_look(ranks, true);
        if (rank < ranks->count) {
            heard[rank] = true;
            count++;
            if (!hear(ranks, rank, &statement, error)) {
                return false;
            }
        }
    }
}

static bool lead(struct ranks *ranks, struct backend *backend, struct error *error) {
    struct offer offer = {.begins = 0};
    struct statement statement;
    bool heard[MAX_RANKS] = {false};
    const bool able = all_able(ranks, backend, error);
    offer.begins = able && backend->communicators->name(&offer.name, error);
    for (size_t rank = 1; rank < ranks->count; rank++) {
        ranks_send(ranks, rank, &offer, sizeof offer);
    }
    if (offer.begins == 0) {
        return false;
    }
    const bool whole = begin_all(ranks, backend, &offer.name, heard, error);
    const uint64_t counts = whole;
    if (!whole) {
        let_go();
    }
    for (size_t rank = 1; rank < ranks->count; rank++) {
        ranks_send(ranks, rank, &counts, sizeof counts);
    }
    for (size_t rank = 1; rank < ranks->count; rank++) {
        if (!heard[rank]) {
            (void)hear(ranks, rank, &statement, NULL);
        }
    }
    return whole;
}

// ---- all

struct communicator *communicate_open(struct ranks *ranks, struct backend *backend, bool quiet) {
    struct error error = {""};
    if (backend->communicators == NULL) {
        return NULL;
    }
    if (ranks->own > 0) {
        join(ranks, backend);
    } else if (lead(ranks, backend, &error)) {
        if (!quiet) {
            warn("numbers go from device to device, by %s", backend->communicators->kind(NULL));
        }
    } else if (!quiet) {
        warn("numbers go from device to device by way of the host's memory: %s", error.text);
    }
    return held.communicator;
}

// Ends the program where a rank has ended.
static void look_for_ended(struct ranks *ranks) {
    const size_t ended = ranks_look(ranks, false);
    if (ended < ranks->count) {
        ranks_lose(ranks, ended, 0);
    }
}

void communicate_wait(struct ranks *ranks) {
    struct error error;
    enum communicator_state state = COMMUNICATOR_BUSY;
    while ((state = held.calls->state(held.communicator, &error)) == COMMUNICATOR_BUSY) {
        look_for_ended(ranks);
    }
    const double end = clock_seconds() + (ranks->own == 0 ? GRACE : GRACE_OF_OTHERS);
    while (state == COMMUNICATOR_FAILED && clock_seconds() < end) {
        look_for_ended(ranks);
    }
    if (state == COMMUNICATOR_FAILED) {
        die("rank %zu: %s", ranks->own, error.text);
    }
}

void communicate_close(struct ranks *ranks) {
    uint64_t last = 0;
    if (held.communicator == NULL) {
        return;
    }
    if (ranks->own > 0) {
        ranks_send_last(ranks, 0, &last, sizeof last);
    }
    for (size_t rank = 1; ranks->own == 0 && rank < ranks->count; rank++) {
        ranks_receive_last(ranks, rank, &last, sizeof last);
    }
    let_go();
}
