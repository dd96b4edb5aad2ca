// The schedule of pairs of blocks: everything is done once and in its order, and no block is worked
// on by two threads at a time.
#include "ops/position_attention/cpu/pair_schedule.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FEW_BLOCKS 9 // each a superblock
#define MAX_BLOCKS 144
#define SUPERBLOCKS_OF_THREE 73 // blocks, the last one a superblock of its own
#define MANY_THREADS                                                                               \
    8 // whom pairs of superblocks would leave waiting, so that superblocks take turns

// What has been done with each block, and whether somebody works on it.
struct seen {
    size_t blocks;
    atomic_bool busy[MAX_BLOCKS];
    atomic_int begun[MAX_BLOCKS], ended[MAX_BLOCKS];
    atomic_int pairs[MAX_BLOCKS][MAX_BLOCKS];
    atomic_int faults;
};

static void expect(struct seen *seen, bool right) {
    atomic_fetch_add(&seen->faults, right ? 0 : 1);
}

static void begin(const void *context, size_t block, int thread) {
    struct seen *seen = *(struct seen *const *)context;
    (void)thread;
    atomic_fetch_add(&seen->begun[block], 1);
}

static void pair(const void *context, size_t block, size_t other, int thread) {
    struct seen *seen = *(struct seen *const *)context;
    (void)thread;
    expect(seen, block < other && seen->begun[block] == 1 && seen->begun[other] == 1);
    expect(seen, !atomic_exchange(&seen->busy[block], true));
    expect(seen, !atomic_exchange(&seen->busy[other], true));
    atomic_fetch_add(&seen->pairs[block][other], 1);
    atomic_store(&seen->busy[block], false);
    atomic_store(&seen->busy[other], false);
}

static void end(const void *context, size_t block, int thread) {
    struct seen *seen = *(struct seen *const *)context;
    (void)thread;
    for (size_t other = 0; other < seen->blocks; other++) {
        expect(seen, other == block || seen->pairs[other][block] + seen->pairs[block][other] == 1);
    }
    atomic_fetch_add(&seen->ended[block], 1);
}

static void check(size_t blocks, int threads) {
    struct seen seen = {.blocks = blocks};
    struct seen *const context = &seen;
    const struct position_pair_schedule schedule = {blocks, threads, &context, begin, pair, end};
    position_pair_schedule_run(&schedule);
    assert_int_equal(seen.faults, 0);
    for (size_t block = 0; block < blocks; block++) {
        assert_int_equal(seen.begun[block], 1);
        assert_int_equal(seen.ended[block], 1);
        for (size_t other = block + 1; other < blocks; other++) {
            assert_int_equal(seen.pairs[block][other], 1);
        }
    }
}

static void each_pair_comes_once(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        for (size_t blocks = 1; blocks <= FEW_BLOCKS; blocks++) {
            check(blocks, threads);
        }
        check(49, threads); // superblocks of two, an odd number of them, the last one of one
        check(72, threads); // of three
        check(SUPERBLOCKS_OF_THREE, threads);
    }
    check(SUPERBLOCKS_OF_THREE, MANY_THREADS);
    check(MAX_BLOCKS, MANY_THREADS); // of six
}

// The pairs of each block in their order, as the lists of the others.
struct order {
    size_t others[MAX_BLOCKS][MAX_BLOCKS];
    size_t count[MAX_BLOCKS];
};

static void begin_nothing(const void *context, size_t block, int thread) {
    (void)context;
    (void)block;
    (void)thread;
}

static void note(const void *context, size_t block, size_t other, int thread) {
    struct order *order = *(struct order *const *)context;
    (void)thread;
    order->others[block][order->count[block]++] = other;
    order->others[other][order->count[other]++] = block;
}

static void note_order(size_t blocks, int threads, struct order *order) {
    struct order *const context = order;
    const struct position_pair_schedule schedule = {blocks,        threads, &context,
                                                    begin_nothing, note,    begin_nothing};
    memset(order, 0, sizeof *order);
    position_pair_schedule_run(&schedule);
}

static void threads_do_not_change_a_blocks_order(void **state) {
    static const size_t blocks[] = {SUPERBLOCKS_OF_THREE, MAX_BLOCKS};
    static const int threads[] = {3, MANY_THREADS, 40};
    static struct order alone;
    static struct order together;
    (void)state;
    for (int i = 0; i < 2; i++) {
        note_order(blocks[i], 1, &alone);
        for (int j = 0; j < 3; j++) {
            note_order(blocks[i], threads[j], &together);
            assert_memory_equal(&alone, &together, sizeof alone);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_comes_once),
        cmocka_unit_test(threads_do_not_change_a_blocks_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
