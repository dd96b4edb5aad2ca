// communicate: which of the ranks' devices get a communicator, who says why not, and what ends a
// rank that waits. Ranks are processes; their devices and their clock are this file's.
#include "../child.h"

#include "core/clock.h"
#include "program/ranks/communicate.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

enum { RANKS = 3 };

enum ending { BEGINS, STAYS_BUSY, REFUSES, IS_KILLED };

// What one rank's device does.
struct behaviour {
    bool lacks;           // the library
    bool unnamed;         // no name can be made
    unsigned char device; // its number
    enum ending ending;   // of the communicator's beginning
    enum ending later;    // of an operation
};

struct plan {
    struct behaviour ranks[RANKS];
    double seconds; // of this clock, in one of the system's
    bool works;     // there is an operation
};

static const struct behaviour *own;
static const struct plan *plan;
static size_t own_rank;
static bool begun;

// In place of the library's: hours pass in no time.
double clock_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return plan->seconds * ((double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
}

double clock_wall_seconds(void) {
    return clock_seconds();
}

// ---- the device

struct communicator {
    int unused;
};

static const char *kind(struct error *error) {
    if (own->lacks) {
        (void)(fail)(error, "no library");
        return NULL;
    }
    return "TESTCL 1";
}

static bool device_of(struct backend *backend, struct communicator_device *device,
                      struct error *error) {
    (void)backend;
    (void)error;
    *device = (struct communicator_device){.bytes = {own->device}};
    return true;
}

static bool name_new(struct communicator_name *name, struct error *error) {
    *name = (struct communicator_name){.bytes = {42}};
    return !own->unnamed || (fail)(error, "no name");
}

static struct communicator *open_new(struct backend *backend, const struct communicator_name *name,
                                     size_t rank, size_t count, struct error *error) {
    static struct communicator communicator;
    (void)backend;
    (void)error;
    return name->bytes[0] == 42 && rank == own_rank && count == RANKS ? &communicator : NULL;
}

static enum communicator_state state_of(struct communicator *communicator, struct error *error) {
    (void)communicator;
    switch (begun ? own->later : own->ending) {
    case BEGINS: return COMMUNICATOR_IDLE;
    case STAYS_BUSY: return COMMUNICATOR_BUSY;
    case REFUSES: (void)(fail)(error, "refused"); return COMMUNICATOR_FAILED;
    case IS_KILLED: (void)raise(SIGKILL);
    }
    return COMMUNICATOR_FAILED;
}

static void broadcast(struct communicator *communicator, float *numbers, size_t count) {
    (void)communicator;
    (void)numbers;
    (void)count;
    begun = true;
}

static void say(const char *what) {
    char line[64];
    const int length = snprintf(line, sizeof line, "rank %zu %s\n", own_rank, what);
    assert_int_equal(write(STDOUT_FILENO, line, (size_t)length), length);
}

static void close_it(struct communicator *communicator) {
    (void)communicator;
    say("closes");
}

static const struct communicator_calls calls = {.kind = kind,
                                                .device = device_of,
                                                .name = name_new,
                                                .open = open_new,
                                                .broadcast = broadcast,
                                                .state = state_of,
                                                .close = close_it};

// ---- a run

// Waits until all ranks are here, so that none is ended by another's end before it has spoken.
static void meet(atomic_size_t *here) {
    atomic_fetch_add(here, 1);
    while (atomic_load(here) < RANKS) {
        (void)sched_yield();
    }
}

static void run(void *argument) {
    const struct ranks_options options = {.count = RANKS};
    struct backend backend = {.communicators = &calls};
    float number = 0;
    // All ranks share it; new pages hold zeros.
    atomic_size_t *here =
        mmap(NULL, sizeof *here, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(here != MAP_FAILED);
    plan = argument;
    struct ranks *ranks = ranks_open(&options, "");
    own_rank = ranks_own(ranks);
    own = &plan->ranks[own_rank];
    struct communicator *communicator = communicate_open(ranks, &backend, false);
    say(communicator != NULL ? "has one" : "has none");
    if (communicator != NULL && plan->works) {
        meet(here);
        calls.broadcast(communicator, &number, 1);
        communicate_wait(ranks);
    }
    communicate_close(ranks);
    ranks_close(ranks);
}

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) {
        count++;
    }
    return count;
}

// Runs a plan; `says`: the last part of its one line, and none of the ranks has a communicator, or
// all; so many of them are closed.
static void expect(const struct plan *planned, int status, const char *says, size_t have,
                   size_t closed) {
    struct plan copy = *planned;
    const struct child child = run_child(run, &copy);
    const size_t length = strlen(child.err);
    char end[200];
    const int wanted = snprintf(end, sizeof end, "%s\n", says);
    assert_int_equal(child.status, status);
    assert_true(length >= (size_t)wanted);
    assert_string_equal(child.err + length - wanted, end);
    // What is said first is which way numbers go.
    assert_int_equal(count_of(child.err, "\n"), status != 0 && have > 0 ? 2 : 1);
    assert_int_equal(count_of(child.out, "has one"), have);
    assert_int_equal(count_of(child.out, "closes"), closed);
}

static const struct plan usual = {.ranks = {{.device = 0}, {.device = 1}, {.device = 2}},
                                  .seconds = 1};

static void test_all_have_one(void **state) {
    (void)state;
    struct plan planned = usual;
    expect(&planned, 0, "numbers go from device to device, by TESTCL 1", RANKS, RANKS);
    planned.works = true;
    expect(&planned, 0, "numbers go from device to device, by TESTCL 1", RANKS, RANKS);
}

static void test_none_begins(void **state) {
    (void)state;
    struct plan planned = usual;
    planned.ranks[1].lacks = true;
    expect(&planned, 0, "by way of the host's memory: rank 1: no library", 0, 0);
    planned.ranks[0].lacks = true;
    expect(&planned, 0, "by way of the host's memory: no library", 0, 0);
    planned = usual;
    planned.ranks[2].device = 1;
    expect(&planned, 0, "by way of the host's memory: ranks 1 and 2 have the same device", 0, 0);
    planned = usual;
    planned.ranks[0].unnamed = true;
    expect(&planned, 0, "by way of the host's memory: no name", 0, 0);
}

static void test_one_refuses(void **state) {
    (void)state;
    struct plan planned = usual;
    // The others wait for it, and would for ever.
    planned.ranks[0].ending = planned.ranks[1].ending = STAYS_BUSY;
    planned.ranks[2].ending = REFUSES;
    expect(&planned, 0, "by way of the host's memory: rank 2: refused", 0, RANKS);
    planned.ranks[0].ending = REFUSES;
    planned.ranks[2].ending = STAYS_BUSY;
    expect(&planned, 0, "by way of the host's memory: refused", 0, RANKS);
    planned.ranks[0].ending = BEGINS;
    planned.seconds = 500;
    expect(&planned, 0, "by way of the host's memory: TESTCL 1 has not begun within 120 seconds", 0,
           RANKS);
}

static void test_one_ends(void **state) {
    static const char says[] = "rank 1 was killed by signal 9; the last checkpoint is kept, and "
                               "the same command with --resume goes on from it";
    (void)state;
    // Rank 0 closes its own; those that it has started end with it, as they are.
    struct plan planned = usual;
    planned.ranks[0].ending = planned.ranks[2].ending = STAYS_BUSY;
    planned.ranks[1].ending = IS_KILLED;
    expect(&planned, 1, says, 0, 1);
    planned = usual;
    planned.works = true;
    planned.ranks[0].later = planned.ranks[2].later = STAYS_BUSY;
    planned.ranks[1].later = IS_KILLED;
    expect(&planned, 1, says, RANKS, 1);
    // Where its end shows in the communicator first, it is named all the same, however late it
    // comes.
    planned.seconds = 0.05;
    planned.ranks[0].later = REFUSES;
    expect(&planned, 1, says, RANKS, 1);
}

static void test_fails_later(void **state) {
    (void)state;
    struct plan planned = usual;
    planned.works = true;
    planned.seconds = 5;
    planned.ranks[0].later = REFUSES;
    planned.ranks[1].later = planned.ranks[2].later = STAYS_BUSY;
    expect(&planned, 1, "rank 0: refused", RANKS, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_have_one), cmocka_unit_test(test_none_begins),
        cmocka_unit_test(test_one_refuses),  cmocka_unit_test(test_one_ends),
        cmocka_unit_test(test_fails_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
