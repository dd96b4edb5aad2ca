// The learning rate: each kind of schedule at its turning points.
#include "train/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ITERATIONS = 1000, WARM = 50 };
#define BASE 2e-3

static double rate(const struct schedule *schedule, int64_t i) {
    return schedule_rate(schedule, i, ITERATIONS, BASE, 0);
}

static void near_to(double value, double wanted) {
    if (!(fabs(value - wanted) <= 1e-15)) {
        fail_msg("%.17g, and should be %.17g", value, wanted);
    }
}

static void all_kinds_warm_up(void **state) {
    const char *const kinds[] = {"cosine", "plateau", "constant"};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct schedule schedule = schedule_usual();
        schedule.kind = kinds[k];
        near_to(rate(&schedule, 0), BASE / 10);
        near_to(rate(&schedule, WARM / 2), BASE * 0.55);
        near_to(rate(&schedule, WARM), BASE);
        schedule.warm_up = 0;
        near_to(rate(&schedule, 0), BASE);
    }
}

static void a_cosine_ends_at_a_tenth(void **state) {
    const struct schedule schedule = schedule_usual();
    (void)state;
    near_to(rate(&schedule, (WARM + ITERATIONS) / 2), BASE * 0.55);
    near_to(rate(&schedule, ITERATIONS), BASE / 10);
}

// Behind 300 iterations of warming up 700 are left: 100, 200 and 400, or seven times 100.
static void cycles_start_again_at_the_base(void **state) {
    struct schedule schedule = schedule_usual();
    (void)state;
    schedule.warm_up = 30;
    schedule.cycles = 3;
    schedule.cycle_factor = 2;
    near_to(rate(&schedule, 350), BASE * 0.55);
    near_to(rate(&schedule, 400), BASE);
    near_to(rate(&schedule, 500), BASE * 0.55);
    near_to(rate(&schedule, 600), BASE);
    near_to(rate(&schedule, 800), BASE * 0.55);
    near_to(rate(&schedule, 1000), BASE / 10);
    assert_true(rate(&schedule, 399) < BASE * 0.1003);
    schedule.cycles = 7;
    schedule.cycle_factor = 1;
    for (int64_t i = 400; i < 1000; i += 100) {
        near_to(rate(&schedule, i), BASE);
        near_to(rate(&schedule, i + 50), BASE * 0.55);
    }
}

static void a_constant_stays(void **state) {
    struct schedule schedule = schedule_usual();
    (void)state;
    schedule.kind = "constant";
    for (int64_t i = WARM; i < ITERATIONS; i += 7) {
        near_to(rate(&schedule, i), BASE);
    }
}

// torch.optim.lr_scheduler.ReduceLROnPlateau(mode="max", patience=2, threshold=0) of PyTorch 2.15
// reduces in these evaluations: scores 1 2 2 1 2 | 2 2 3 3 3 3 | 3 3 3 | 3.
static void a_plateau_reduces_behind_its_patience(void **state) {
    const bool best[] = {true,  true,  false, false, false, false, false, true,
                         false, false, false, false, false, false, false};
    const int64_t reductions[] = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3};
    struct schedule schedule = schedule_usual();
    struct plateau plateau = {0};
    (void)state;
    schedule.kind = "plateau";
    schedule.plateau_patience = 2;
    for (size_t i = 0; i < sizeof best / sizeof *best; i++) {
        schedule_evaluated(&schedule, &plateau, best[i]);
        assert_int_equal(plateau.reductions, reductions[i]);
        near_to(schedule_rate(&schedule, 500, ITERATIONS, BASE, plateau.reductions),
                BASE * pow(0.5, (double)reductions[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_warm_up),
        cmocka_unit_test(a_cosine_ends_at_a_tenth),
        cmocka_unit_test(cycles_start_again_at_the_base),
        cmocka_unit_test(a_constant_stays),
        cmocka_unit_test(a_plateau_reduces_behind_its_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
