// memory_plan: buffers that live together never overlap, and the block is no larger than it must be
// for small plans worked out by hand.
#include "nn/memory_plan.h"
#include "core/numbers/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MAX_BUFFERS 40
#define STEPS 30

static size_t plan(struct buffer *buffers, size_t count) {
    struct error error = {{0}};
    size_t bytes = 0;
    if (!memory_plan(buffers, count, &bytes, &error)) {
        fail_msg("%s", error.text);
    }
    return bytes;
}

static size_t rounded(size_t bytes) {
    return bytes % 64 == 0 ? bytes : bytes + 64 - bytes % 64;
}

static bool live_together(const struct buffer *a, const struct buffer *b) {
    for (int step = a->first; step <= a->last; step++) {
        if (step >= b->first && step <= b->last) {
            return true;
        }
    }
    return false;
}

static bool overlap(const struct buffer *a, const struct buffer *b) {
    return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

// The bytes that are needed at the step where most are.
static size_t greatest_live(const struct buffer *buffers, size_t count) {
    size_t most = 0;
    for (int step = 0; step < 2 * STEPS; step++) {
        size_t live = 0;
        for (size_t i = 0; i < count; i++) {
            live +=
                buffers[i].first <= step && step <= buffers[i].last ? rounded(buffers[i].bytes) : 0;
        }
        most = live > most ? live : most;
    }
    return most;
}

static void check(const struct buffer *buffers, size_t count, size_t bytes) {
    size_t sum = 0;
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t reach = buffers[i].offset + rounded(buffers[i].bytes);
        assert_int_equal(buffers[i].offset % 64, 0);
        sum += rounded(buffers[i].bytes);
        end = reach > end ? reach : end;
        for (size_t k = 0; k < i; k++) {
            assert_false(live_together(&buffers[i], &buffers[k]) &&
                         overlap(&buffers[i], &buffers[k]));
        }
    }
    assert_int_equal(bytes, end);
    assert_true(bytes <= sum);
    assert_true(bytes >= greatest_live(buffers, count));
}

static void random_lifetimes(void **state) {
    (void)state;
    struct random random = random_seed(20, 0, 0);
    size_t shared = 0;
    size_t least = 0;
    for (int trial = 0; trial < 500; trial++) {
        struct buffer buffers[MAX_BUFFERS];
        const size_t count = (size_t)random_below(&random, MAX_BUFFERS + 1);
        size_t sum = 0;
        for (size_t i = 0; i < count; i++) {
            const int first = (int)random_below(&random, STEPS);
            buffers[i] = (struct buffer){.bytes = (size_t)random_below(&random, 1000),
                                         .offset = SIZE_MAX,
                                         .first = first,
                                         .last = first + (int)random_below(&random, STEPS / 3)};
            sum += rounded(buffers[i].bytes);
        }
        const size_t bytes = plan(buffers, count);
        check(buffers, count, bytes);
        shared += bytes < sum;
        least += bytes == greatest_live(buffers, count);
    }
    assert_true(shared > 400); // of 500: memory is used again,
    assert_true(least > 450);  // and no more of it than must be
}

// By size alone the one of 128 bytes lies behind that of 192, and the last one behind all of them.
static void long_lives_may_come_first(void **state) {
    (void)state;
    struct buffer buffers[] = {{.bytes = 192, .first = 1, .last = 1},
                               {.bytes = 128, .first = 1, .last = 2},
                               {.bytes = 64, .first = 2, .last = 3},
                               {.bytes = 256, .first = 3, .last = 3}};
    const size_t bytes = plan(buffers, 4);
    check(buffers, 4, bytes);
    assert_int_equal(bytes, 320);
}

// By size the last of them lies behind all others, whose gap is too small for it; by size and time
// it is no better. Placed earlier it leaves no gap.
static void what_ends_too_high_comes_earlier(void **state) {
    (void)state;
    struct buffer buffers[] = {{.bytes = 320, .first = 0, .last = 0},
                               {.bytes = 192, .first = 0, .last = 1},
                               {.bytes = 128, .first = 1, .last = 2},
                               {.bytes = 256, .first = 1, .last = 2}};
    const size_t bytes = plan(buffers, 4);
    check(buffers, 4, bytes);
    assert_int_equal(bytes, 576);
}

// Lifetimes that touch in one step are together: that step reads the one and writes the other.
static void a_chain_by_hand(void **state) {
    (void)state;
    struct buffer chain[] = {{.bytes = 640, .first = 0, .last = 1},
                             {.bytes = 320, .first = 1, .last = 2},
                             {.bytes = 100, .first = 2, .last = 3},
                             {.bytes = 64, .first = 3, .last = 3}};
    assert_int_equal(plan(chain, 4), 960);
    assert_int_equal(chain[0].offset, 0);
    assert_int_equal(chain[1].offset, 640);
    assert_int_equal(chain[2].offset, 0);
    assert_int_equal(chain[3].offset, 128); // behind 100 bytes, which take two times 64
}

// What is small goes into the lowest gap that is wide enough.
static void a_gap_by_hand(void **state) {
    (void)state;
    struct buffer buffers[] = {{.bytes = 64, .first = 2, .last = 3},
                               {.bytes = 512, .first = 0, .last = 1},
                               {.bytes = 256, .first = 1, .last = 3},
                               {.bytes = 192, .first = 3, .last = 3},
                               {.bytes = 448, .first = 2, .last = 2}};
    assert_int_equal(plan(buffers, 5), 768);
    assert_int_equal(buffers[1].offset, 0);
    assert_int_equal(buffers[4].offset, 0);
    assert_int_equal(buffers[2].offset, 512);
    assert_int_equal(buffers[3].offset, 0);
    assert_int_equal(buffers[0].offset, 448);
}

static void nothing_takes_nothing(void **state) {
    (void)state;
    struct buffer empty[] = {{.bytes = 0, .first = 0, .last = 5},
                             {.bytes = 1, .first = 0, .last = 5},
                             {.bytes = 0, .first = 0, .last = 5}};
    assert_int_equal(plan(empty, 0), 0);
    assert_int_equal(plan(empty, 1), 0);
    assert_int_equal(plan(empty, 3), 64);
    assert_int_equal(empty[1].offset, 0);
}

// Sizes whose sum, or whose next multiple of 64, a size_t does not hold.
static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{SIZE_MAX, 0},
                                      {SIZE_MAX - 62, 0},
                                      {SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1},
                                      {64, SIZE_MAX - 63}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buffer buffers[] = {{.bytes = sizes[i][0]}, {.bytes = sizes[i][1]}};
        struct error error = {{0}};
        size_t bytes = 0;
        assert_false(memory_plan(buffers, 2, &bytes, &error));
        assert_string_equal(error.text, "the network's buffers are larger than any memory");
    }
    struct buffer largest = {.bytes = SIZE_MAX - 63};
    assert_true(plan(&largest, 1) == SIZE_MAX - 63);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lifetimes),
        cmocka_unit_test(what_ends_too_high_comes_earlier),
        cmocka_unit_test(long_lives_may_come_first),
        cmocka_unit_test(a_chain_by_hand),
        cmocka_unit_test(a_gap_by_hand),
        cmocka_unit_test(nothing_takes_nothing),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
